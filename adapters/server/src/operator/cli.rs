//! The operator's commands as they are typed.

use super::clock::Since;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use valetkey::jose::Algorithm;
use valetkey::server::record::Digest;
use valetkey::text::uri;

/// The commands.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Add, show, change and remove clients.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Add people who can log in, and lock them out.
    #[command(subcommand)]
    User(UserCommand),
    /// Show and end what people, and clients for themselves, were given.
    #[command(subcommand)]
    Grant(GrantCommand),
    /// Show what happened, oldest first.
    Audit(Audit),
    /// Back the database up.
    #[command(subcommand)]
    Db(DbCommand),
    /// Check settings, database and keys, without serving.
    Check,
    /// What stands under `keys`.
    #[command(skip)]
    SigningKey(SigningKeyCommand),
}

/// What can be done with the keys that sign access tokens.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum SigningKeyCommand {
    /// Show the keys that sign access tokens, and those that did.
    List(Format),
    /// Make a key that signs access tokens, in place of those of the same algorithm.
    ///
    /// It is published at once, and signs from an hour later on (publish_ahead_seconds in the settings), so that APIs
    /// which keep the key set have it by then. The first key of an algorithm signs at once. The others stay published. A
    /// running server takes it within seconds.
    Add {
        /// ES256, ES384, EdDSA, RS256, RS384, RS512, PS256, PS384 or PS512.
        #[arg(value_name = "ALG", value_parser = read_algorithm)]
        algorithm: Algorithm,
        /// Sign at once, as when the one before leaked: APIs refuse its tokens until they have fetched the key set anew.
        #[arg(long)]
        now: bool,
    },
    /// Let a key sign no more. It stays published until what it signed has expired.
    Remove {
        /// Its id, as `keys list` shows it.
        kid: String,
        /// It leaked: publish it no more either, so that all that it signed is refused. Also for one that was removed before.
        #[arg(long)]
        leaked: bool,
    },
}

/// What can be done with clients.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ClientCommand {
    /// Register a client. Where a secret is drawn, it is shown this once.
    Add(ClientAdd),
    /// Show all clients.
    List(Format),
    /// Show one client.
    Show {
        /// Its id.
        client_id: String,
        /// As JSON.
        #[command(flatten)]
        format: Format,
    },
    /// Change what a client may do, or how it proves who it is. What is not named stays.
    ///
    /// What is taken away is taken from its grants too, from their next refresh on.
    Change(ClientChange),
    /// Remove a client and end its grants. Its id is not used again.
    ///
    /// If it breaks off, say it again: it goes on.
    Remove {
        /// Its id.
        client_id: String,
    },
    /// Put other public keys in place of a client's. Give the old ones too, as long as they sign.
    Jwks {
        /// Its id.
        client_id: String,
        /// A JWK or a JWK Set.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Draw a new secret for a client and show it once. The old one is good no more.
    Secret {
        /// Its id.
        client_id: String,
        /// As JSON.
        #[command(flatten)]
        format: Format,
    },
}

/// What a new client is.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ClientAdd {
    /// Its id, in printable ASCII.
    pub client_id: String,
    /// What people are shown [default: its id].
    #[arg(long)]
    pub name: Option<String>,
    /// Where its codes may be sent; may be said several times. Compared exactly, but for the port of a loopback address.
    #[arg(long = "redirect-uri", value_name = "URI", value_parser = read_redirect_uri)]
    pub redirect_uris: Vec<String>,
    /// A grant that it may use; may be said several times [default: authorization_code and refresh_token with a
    /// redirect URI, else client_credentials, and none for an API that may introspect].
    #[arg(long = "grant", value_name = "GRANT")]
    pub grants: Vec<GrantType>,
    /// Scopes that it may have, with spaces between; may be said several times [default: none].
    #[arg(long, value_name = "SCOPES")]
    pub scope: Vec<String>,
    /// A resource (RFC 8707) that it may name; may be said several times.
    #[arg(long, value_name = "URI")]
    pub resource: Vec<String>,
    /// It can keep no secret, as a page or an app on people's devices: PKCE alone protects it.
    #[arg(long, conflicts_with = "secret_stdin")]
    pub public: bool,
    /// How it proves who it is.
    #[arg(long, value_enum, default_value_t, conflicts_with = "public")]
    pub auth: AuthMethod,
    /// The public keys that check what it signs, with `--auth private_key_jwt`: a JWK or a JWK Set, each key with its `alg`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["public", "secret_stdin"])]
    pub jwks: Option<PathBuf>,
    /// Read its secret from standard input, or ask for it in a terminal, instead of drawing one.
    #[arg(long)]
    pub secret_stdin: bool,
    /// It may introspect tokens, as APIs do.
    #[arg(long, conflicts_with = "public")]
    pub may_introspect: bool,
    /// What its access tokens are.
    #[arg(long, value_enum, default_value_t)]
    pub token_kind: TokenKind,
    /// What its signed access tokens are signed with, as `keys list` shows it [default: ES256].
    #[arg(long, value_name = "ALG", value_parser = read_algorithm)]
    pub token_alg: Option<Algorithm>,
    /// As JSON.
    #[command(flatten)]
    pub format: Format,
}

/// What is changed of a client.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ClientChange {
    /// Its id.
    pub client_id: String,
    /// What people are shown.
    #[arg(long)]
    pub name: Option<String>,
    /// Where its codes may be sent, in place of all that were; may be said several times. An empty one takes all away.
    #[arg(long = "redirect-uri", value_name = "URI", value_parser = read_redirect_uri)]
    pub redirect_uris: Vec<String>,
    /// A grant that it may use, in place of all that it could; may be said several times.
    #[arg(long = "grant", value_name = "GRANT")]
    pub grants: Vec<GrantType>,
    /// Scopes that it may have, with spaces between, in place of all that it had; an empty one takes all away.
    #[arg(long, value_name = "SCOPES")]
    pub scope: Vec<String>,
    /// A resource (RFC 8707) that it may name, in place of all that were; an empty one takes all away.
    #[arg(long, value_name = "URI")]
    pub resource: Vec<String>,
    /// What its access tokens are.
    #[arg(long, value_enum)]
    pub token_kind: Option<TokenKind>,
    /// What its signed access tokens are signed with, as `keys list` shows it.
    #[arg(long, value_name = "ALG", value_parser = read_algorithm)]
    pub token_alg: Option<Algorithm>,
    /// How it proves who it is from now on: a new secret is shown this once.
    #[arg(long, value_enum)]
    pub auth: Option<AuthMethod>,
    /// The public keys that check what it signs, with `--auth private_key_jwt`: a JWK or a JWK Set, each key with its `alg`.
    #[arg(long, value_name = "FILE", requires = "auth")]
    pub jwks: Option<PathBuf>,
    /// As JSON.
    #[command(flatten)]
    pub format: Format,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AuthMethod {
    /// By a secret that it shares with the server: `client_secret_basic` or `client_secret_post`.
    #[default]
    #[value(name = "client_secret")]
    Secret,
    /// By an assertion that it signs (RFC 7523), so that it shares nothing: the server holds its public key.
    #[value(name = "private_key_jwt")]
    PrivateKeyJwt,
}

/// The grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GrantType {
    /// A person agrees, and a code is sent.
    #[value(name = "authorization_code", alias = "code")]
    Code,
    /// The client for itself.
    #[value(name = "client_credentials")]
    ClientCredentials,
    /// Tokens are renewed without the person.
    #[value(name = "refresh_token", alias = "refresh")]
    Refresh,
}

/// What access tokens are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TokenKind {
    /// Random text, good for as long as the server says so.
    #[default]
    Opaque,
    /// Signed by the server (RFC 9068), so that APIs check them by themselves: revoking one reaches those alone that ask.
    Jwt,
}

/// What can be done with people's accounts.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum UserCommand {
    /// Add a person. The password is asked for in a terminal, else read from standard input.
    Add {
        /// The name to log in with, which is also the `sub` of tokens.
        subject: String,
        /// What the pages call this person [default: the name to log in with].
        #[arg(long)]
        name: Option<String>,
    },
    /// Give a person another password, and end their logins. Their grants stay.
    Passwd {
        /// The name that they log in with.
        subject: String,
    },
    /// Lock a person out, and end their logins and grants.
    ///
    /// If it breaks off, say it again: it goes on.
    Lock {
        /// The name that they log in with.
        subject: String,
    },
    /// Let a locked person in again. What was ended stays ended.
    Unlock {
        /// The name that they log in with.
        subject: String,
    },
    /// Show all people.
    List(Format),
}

/// What can be done with grants.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum GrantCommand {
    /// Show the grants that give something.
    List {
        /// Those of this person alone.
        #[arg(long, value_name = "SUBJECT")]
        user: Option<String>,
        /// Those of this client alone.
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Those too that ended or expired, for as long as they are kept.
        #[arg(long)]
        all: bool,
        /// As JSON.
        #[command(flatten)]
        format: Format,
    },
    /// End one grant, or those of a person or a client: none of its codes and tokens is good any more.
    Revoke(Which),
}

/// Which grants to end.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The one with this id, as `grant list` shows it.
    #[arg(value_parser = read_id)]
    pub id: Option<Digest>,
    /// All that this person gave.
    #[arg(long, value_name = "SUBJECT")]
    pub user: Option<String>,
    /// All that this client has.
    #[arg(long, value_name = "CLIENT_ID")]
    pub client: Option<String>,
}

/// Which events to show, and how.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Audit {
    /// Those of this client alone.
    #[arg(long, value_name = "CLIENT_ID")]
    pub client: Option<String>,
    /// Those of this person alone.
    #[arg(long, value_name = "SUBJECT")]
    pub user: Option<String>,
    /// None from before: so long ago, as 30min, 12h or 7d, or a time in UTC, as 2026-01-31 or 2026-01-31T08:00:00Z.
    #[arg(long, value_name = "DURATION|DATE")]
    pub since: Option<Since>,
    /// As JSON.
    #[command(flatten)]
    pub format: Format,
}

/// How something is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct Format {
    /// As JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

/// What can be done with the database.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DbCommand {
    /// Copy the database into a new file, while it is in use. The server keys are not in it.
    Backup {
        /// The file, which must not be there.
        file: PathBuf,
    },
}

fn read_algorithm(text: &str) -> Result<Algorithm, String> {
    let known = Algorithm::from_name(text).filter(|algorithm| !algorithm.is_symmetric());
    known.ok_or_else(|| "it is ES256, ES384, EdDSA, RS256, RS384, RS512, PS256, PS384 or PS512".to_owned())
}

/// Registering looks again, but cannot say which of several it is. An empty one takes all away.
fn read_redirect_uri(text: &str) -> Result<String, String> {
    if text.is_empty() || uri::is_redirect_uri(text) {
        return Ok(text.to_owned());
    }
    Err("it must be https, http on loopback, or of a scheme with a period; and have no fragment".to_owned())
}

fn read_id(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).ok_or_else(|| "the id of a grant is 64 hexadecimal digits".to_owned())
}
