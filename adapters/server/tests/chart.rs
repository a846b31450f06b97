//! Sequence charts, compared letter by letter.

use std::io::ErrorKind;
use valetkey_server::chart::{Chart, parameters, shorten};

fn draw(participants: &[&str], colour: bool, steps: impl FnOnce(&mut Chart<&mut Vec<u8>>)) -> String {
    let mut text = Vec::new();
    steps(&mut Chart::new(&mut text, participants, colour).unwrap());
    let text = String::from_utf8(text).unwrap();
    assert!(colour || text.lines().all(|line| line.chars().count() <= 100), "{text}");
    text
}

const FOUR: [&str; 4] = ["browser", "app", "server", "API"];

#[test]
fn messages_go_both_ways_with_their_text_above() {
    let text = draw(&["app", "server"], false, |chart| {
        chart.message("app", "server", "POST /token grant_type=client_credentials").unwrap();
        chart.message("server", "app", "200 token_type=Bearer").unwrap();
    });
    let expected = [
        "                        app                                             server",
        "                         │                                                 │",
        "                         │ POST /token grant_type=client_credentials       │",
        "                         │────────────────────────────────────────────────▶│",
        "                         │ 200 token_type=Bearer                           │",
        "                         │◀────────────────────────────────────────────────│",
        "",
    ];
    assert_eq!(text, expected.join("\n"));
}

#[test]
fn long_text_runs_over_its_neighbours_and_breaks_where_it_reads_well() {
    let text = draw(&FOUR, false, |chart| {
        chart.message("browser", "app", &format!("GET /cb?code=abcdef…&iss={}&state=1 x", "h".repeat(60))).unwrap();
        chart.message("server", "API", "200 active=true scope=read client_id=demo-web").unwrap();
        chart.message("app", "app", "compares state and iss").unwrap();
    });
    let expected = [
        "         browser                    app                    server                     API",
        "            │                        │                        │                        │",
        "            │ GET /cb?code=abcdef…&iss=hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh&",
        "            │ state=1 x              │                        │                        │",
        "            │───────────────────────▶│                        │                        │",
        "            │                        │   200 active=true scope=read client_id=demo-web │",
        "            │                        │                        │───────────────────────▶│",
        "            │                        │ compares state and iss │                        │",
        "",
    ];
    assert_eq!(text, expected.join("\n"));
}

#[test]
fn a_note_is_a_heading_across_the_chart() {
    let text = draw(&["app", "server"], false, |chart| {
        chart.note("1. First").unwrap();
        chart.message("app", "server", "GET /").unwrap();
        chart.note("2. Second").unwrap();
    });
    let heading = |title: &str| format!("── {title} {}", "─".repeat(96 - title.len()));
    let expected = [
        "                        app                                             server",
        "                         │                                                 │",
        &heading("1. First"),
        "                         │                                                 │",
        "                         │ GET /                                           │",
        "                         │────────────────────────────────────────────────▶│",
        "                         │                                                 │",
        &heading("2. Second"),
        "                         │                                                 │",
        "",
    ];
    assert_eq!(text, expected.join("\n"));
}

#[test]
fn colours_change_nothing_but_the_look() {
    let steps = |chart: &mut Chart<&mut Vec<u8>>| {
        chart.note("1. First").unwrap();
        chart.message("API", "browser", "200").unwrap();
    };
    let plain = draw(&FOUR, false, steps);
    let coloured = draw(&FOUR, true, steps);
    assert!(!plain.contains('\x1b') && coloured.contains("\x1b[36m◀"));
    let mut stripped = coloured;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[36m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, plain);
}

#[test]
fn what_came_from_outside_cannot_steer_the_terminal() {
    let text = draw(&["app", "server"], false, |chart| {
        chart.message("app", "server", "a\x1b[2Jb\rc\u{9b}d").unwrap();
    });
    assert!(text.contains("│ a·[2Jb·c·d "), "{text}");
}

#[test]
fn a_participant_that_is_not_there_is_an_error() {
    let mut text = Vec::new();
    let error = Chart::new(&mut text, &["app"], false).unwrap().message("app", "moon", "x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn of_secrets_only_the_beginning_is_shown() {
    assert_eq!(shorten("abcdefghijkl"), "abcdef…");
    assert_eq!(shorten("abcdefghijk"), "…");
    let shown =
        parameters([("grant_type", "authorization_code"), ("code", "SplxlOBeZQQYbYS6WxSbIA"), ("password", "x")]);
    assert_eq!(shown, "grant_type=authorization_code code=SplxlO… password=…");
}
