//! The command line: what can be typed, and by which name each option is read from the environment.

use crate::logs::LogFormat;
use crate::operator;
use crate::token::cli::TokenCommand;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// An OAuth 2.x authorization server.
#[derive(Debug, Parser)]
#[command(name = "valetkey", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of all commands.
    #[command(flatten)]
    pub options: Options,
}

/// The commands.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve until stopped (the default).
    Serve,
    /// Show a whole worked session, step by step, in the terminal, then end.
    Tour,
    /// Draw server keys; show, add and remove the keys that sign access tokens.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Explain a token, or check it.
    #[command(subcommand)]
    Token(TokenCommand),
    /// What an operator does with the database.
    #[command(flatten)]
    Operator(operator::cli::Command),
}

/// What can be done with keys.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum KeysCommand {
    /// Draw a new server key, which makes all tokens and cookies from then on.
    ///
    /// The old ones stay for as long as something that they made may be in use. A running server takes the new one at
    /// SIGHUP, and seals the signing keys anew under it.
    RotateServer,
    /// Those in the database, which sign access tokens.
    #[command(flatten)]
    Signing(operator::cli::SigningKeyCommand),
}

/// The options. A flag wins over the environment, which wins over the file.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// Read settings from this TOML file.
    #[arg(long, global = true, value_name = "FILE", env = "VALETKEY_CONFIG")]
    pub config: Option<PathBuf>,
    /// Listen here [default: 127.0.0.1:8080].
    #[arg(long, global = true, value_name = "ADDRESS:PORT", env = "VALETKEY_LISTEN")]
    pub listen: Option<String>,
    /// The URL by which clients know this server [default: http:// or https:// and where it listens].
    #[arg(long, global = true, value_name = "URL", env = "VALETKEY_ISSUER")]
    pub issuer: Option<String>,
    /// Keep everything in this SQLite database, made if it is not there; `:memory:` forgets it at the end
    /// [default: valetkey.db].
    #[arg(long, global = true, value_name = "FILE", env = "VALETKEY_DB")]
    pub db: Option<PathBuf>,
    /// Read the server keys from this file [default: beside the database, with the ending .key, drawn on the first start].
    #[arg(long, global = true, value_name = "FILE", env = "VALETKEY_SERVER_KEY_FILE")]
    pub server_key_file: Option<PathBuf>,
    /// Serve HTTPS with the certificates in this PEM file, the server's own first. Read again on SIGHUP.
    #[arg(long, global = true, value_name = "FILE", env = "VALETKEY_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// The private key to --tls-cert, as PEM.
    #[arg(long, global = true, value_name = "FILE", env = "VALETKEY_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// The proxies in front of this server, which terminate TLS: addresses and networks, with commas between.
    ///
    /// Only they and this machine are answered over plain HTTP, and what they write into X-Forwarded-For is believed.
    #[arg(long, global = true, value_name = "ADDRESSES", env = "VALETKEY_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<String>>,
    /// Serve metrics for Prometheus here, over plain HTTP, at /metrics [default: nowhere].
    #[arg(long, global = true, value_name = "ADDRESS:PORT", env = "VALETKEY_METRICS_LISTEN")]
    pub metrics_listen: Option<String>,
    /// Log lines of text or of JSON [default: text].
    #[arg(long, global = true, value_enum, value_name = "FORMAT", env = "VALETKEY_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
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
    fn proxies_are_a_list() {
        let cli = Cli::try_parse_from(["valetkey", "--trusted-proxies", "10.0.0.5,10.1.0.0/16", "serve"]).unwrap();
        assert_eq!(cli.options.trusted_proxies.unwrap(), ["10.0.0.5", "10.1.0.0/16"]);
    }

    #[test]
    fn what_is_unknown_is_refused() {
        assert!(Cli::try_parse_from(["valetkey", "--liste", "x"]).is_err());
        assert!(Cli::try_parse_from(["valetkey", "serv"]).is_err());
    }
}
