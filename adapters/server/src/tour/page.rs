//! Reads as much of the server's pages as a person without a screen needs: a form, and what is written.

/// A form, with what is sent along if it is left as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
}

/// The form that has a field of that name or a button with that value; the button counts as pressed.
pub(super) fn form(html: &str, wanted: &str) -> Option<Form> {
    let mut form = Form { action: String::new(), fields: Vec::new() };
    let mut found = false;
    for piece in html.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap_or_default();
        let attribute = |name| attribute(tag, name);
        match tag.split_whitespace().next().unwrap_or_default() {
            "form" => form = Form { action: attribute("action")?, fields: Vec::new() },
            "/form" if found => return Some(form),
            "input" => {
                let name = attribute("name")?;
                found |= name == wanted;
                let kind = attribute("type").unwrap_or_default();
                let ticked = kind == "checkbox" && tag.ends_with(" checked");
                if kind == "hidden" || ticked {
                    form.fields.push((name, attribute("value").unwrap_or_default()));
                }
            }
            "button" if attribute("value").as_deref() == Some(wanted) => {
                found = true;
                form.fields.push((attribute("name")?, wanted.to_owned()));
            }
            _ => {}
        }
    }
    None
}

/// What is written in each element of that name, such as `h1`.
pub(super) fn words(html: &str, element: &str) -> Vec<String> {
    let (start, end) = (format!("<{element}"), format!("</{element}>"));
    html.match_indices(&*start)
        .filter_map(|(at, _)| html.get(at + start.len()..))
        // `<p` is also how `<path` begins.
        .filter(|rest| rest.starts_with(['>', ' ']))
        .filter_map(|rest| rest.split_once('>')?.1.split_once(&*end))
        .map(|(inside, _)| without_tags(inside))
        .collect()
}

fn without_tags(html: &str) -> String {
    let text: String = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect();
    unescape(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    Some(unescape(value.split('"').next().unwrap_or_default()))
}

fn unescape(text: &str) -> String {
    const ENTITIES: [(&str, &str); 5] =
        [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<h1>Allow <bdi>Tom &#38; Co</bdi>
        to go on?</h1><header>no</header>
        <form action="/switch"><input type="hidden" name="csrf" value="one"><button name="decision" value="switch">Other</button></form>
        <form method="post" action="/consent"><input type="hidden" name="csrf" value="a&#34;b">
        <input id="s" type="checkbox" name="scope" value="read" checked><input type="checkbox" name="scope" value="write">
        <button name="decision" value="deny">No</button><button name="decision" value="allow">Yes</button></form>"#;

    #[test]
    fn a_form_is_sent_with_its_hidden_fields_its_ticks_and_the_button_that_was_pressed() {
        let fields = [("csrf", "a\"b"), ("scope", "read"), ("decision", "allow")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(form(PAGE, "allow"), Some(Form { action: "/consent".to_owned(), fields }));
        assert_eq!(form(PAGE, "switch").unwrap().action, "/switch");
        assert_eq!(form(PAGE, "password"), None);
    }

    #[test]
    fn what_is_written_is_read_without_tags() {
        assert_eq!(words(PAGE, "h1"), ["Allow Tom & Co to go on?"]);
        assert_eq!(words(PAGE, "button"), ["Other", "No", "Yes"]);
        assert!(words(PAGE, "h").is_empty() && words("<p>open", "p").is_empty());
    }
}
