//! The command line: what can be typed, and by which name each option is read from the environment.

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// An OAuth 2.x authorization server.
#[derive(Debug, Parser)]
#[command(name = "valetkey", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `serve`.
    #[command(flatten)]
    pub options: Options,
}

/// The commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve until stopped (the default).
    Serve,
    /// Show a whole worked session, step by step, in the terminal, then end.
    Tour,
}

/// The options of `serve`. A flag wins over the environment, which wins over the file.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// Read settings from this TOML file.
    #[arg(long, global = true, value_name = "FILE", env = "VALETKEY_CONFIG")]
    pub config: Option<PathBuf>,
    /// Listen here for plain HTTP [default: 127.0.0.1:8080].
    #[arg(long, global = true, value_name = "ADDRESS:PORT", env = "VALETKEY_LISTEN")]
    pub listen: Option<String>,
    /// The URL by which clients know this server [default: http:// and where it listens].
    #[arg(long, global = true, value_name = "URL", env = "VALETKEY_ISSUER")]
    pub issuer: Option<String>,
    /// A proxy in front of this server terminates TLS, and only the proxy can reach it.
    ///
    /// The last address in X-Forwarded-For is then believed to be the client's.
    #[arg(
        long,
        global = true,
        value_name = "BOOL",
        env = "VALETKEY_BEHIND_TLS_PROXY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new(),
    )]
    pub behind_tls_proxy: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_and_takes_the_same_options() {
        let bare = Cli::try_parse_from(["valetkey", "--listen", "[::1]:1"]).unwrap();
        let named = Cli::try_parse_from(["valetkey", "serve", "--listen", "[::1]:1"]).unwrap();
        assert_eq!((bare.command, named.command), (None, Some(Command::Serve)));
        assert_eq!(bare.options.listen.as_deref(), Some("[::1]:1"));
        assert_eq!(named.options.listen.as_deref(), Some("[::1]:1"));
        assert_eq!(Cli::try_parse_from(["valetkey", "tour"]).unwrap().command, Some(Command::Tour));
    }

    #[test]
    fn the_proxy_flag_needs_no_value_and_can_be_turned_off() {
        let proxy =
            |args: &[&str]| Cli::try_parse_from([&["valetkey"], args].concat()).unwrap().options.behind_tls_proxy;
        assert_eq!(proxy(&["--behind-tls-proxy"]), Some(true));
        assert_eq!(proxy(&["--behind-tls-proxy", "serve"]), Some(true));
        assert_eq!(proxy(&["--behind-tls-proxy=false"]), Some(false));
    }

    #[test]
    fn what_is_unknown_is_refused() {
        assert!(Cli::try_parse_from(["valetkey", "--liste", "x"]).is_err());
        assert!(Cli::try_parse_from(["valetkey", "serv"]).is_err());
    }
}
