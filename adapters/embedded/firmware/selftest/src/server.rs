//! Client, authorization server and resource server before one another, in one memory.

use crate::{Verdict, check, store::Store};
use valetkey::client::{self, Authorize, Config, ConfigError, Outcome, Post, Refresh, Tokens};
use valetkey::resource::{self, Audience, Check, Issuer};
use valetkey::secret::{Entropy, Secret, SecretText};
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes};
use valetkey::server::{
    AuthorizeRequest, FormRequest, Owner, Policy, Reply, Server, ServerKey, Step, authorize, introspect_local, token,
};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

const ISSUER: &str = "https://as.example";
const API: &str = "https://api.example";
const CALLBACK: &str = "https://client.example/cb";
/// Enough for short requests and records.
const SCRATCH: usize = 2048;

const WEB: Client<'_> = Client {
    client_id: "demo-web",
    name: "A client",
    auth: ClientAuth::Drawn,
    secret: "761fed9dbb22427bedbc73c3f0ab93fff41104aa77eb145025d0113be8c035a3", // of "web-secret"
    jwks: "",
    redirect_uris: CALLBACK,
    grant_types: GrantTypes { authorization_code: true, client_credentials: false, refresh_token: true },
    scope: "read write",
    resource: API,
    access_token: AccessTokenFormat::Opaque,
    may_introspect: false,
    live: true,
};

/// A server and what it has kept.
struct World<'r> {
    server: &'r Server<'r>,
    store: Store,
    now: UnixTime,
    drawn: u8,
}

impl World<'_> {
    /// Bytes that come once. In earnest: drawn.
    fn draw<const N: usize>(&mut self) -> Entropy<N> {
        self.drawn = self.drawn.wrapping_add(1);
        Entropy::new([self.drawn; N])
    }

    /// Answers needs until there is a reply. The person consents to everything.
    fn drive<'r>(&mut self, mut step: Step<'r>) -> Reply<'r> {
        loop {
            step = match step {
                Step::Client(need) => {
                    let found = (need.id() == WEB.client_id).then_some((&WEB, None));
                    need.resume(found)
                }
                Step::Owner(need) => {
                    let (subject, auth_time) = ("alice", self.now);
                    need.resume(Owner::Approved { subject, auth_time, acr: "", amr: "", scope: "read write" })
                }
                Step::Load(need) => {
                    let found = self.store.load(need.keys());
                    need.resume(found)
                }
                Step::Commit(need) => match self.store.commit(&need.change()) {
                    Some(outcome) => need.resume(outcome),
                    None => need.fail(),
                },
                // Nobody here has a secret that a person chose, or a signed token.
                Step::Verify(need) => need.fail(),
                Step::Sign(need) => need.fail(),
                Step::Reply(reply) => return reply,
            };
        }
    }

    /// The person follows the URL and comes back with this query.
    fn visit<'b>(&mut self, url: &str, buf: &'b mut [u8]) -> Result<&'b str, &'static str> {
        let (_, query) = url.split_once('?').ok_or("the URL")?;
        let (seed, mut scratch) = (self.draw(), [0; SCRATCH]);
        let step = authorize(self.server, &AuthorizeRequest { query }, self.now, seed, &mut scratch);
        let response = self.drive(step).write(buf).map_err(|_| "the room for a redirect")?;
        let location = response.headers().find(|(name, _)| *name == "Location").map_or("", |(_, value)| value);
        let (target, query) = location.split_once('?').ok_or("no redirect")?;
        check(target == CALLBACK, "a redirect elsewhere")?;
        Ok(query)
    }

    /// Sends a client's request to the token endpoint.
    fn send<'b>(&mut self, post: &Post<'_>, buf: &'b mut [u8]) -> Result<client::Response<'b>, &'static str> {
        let request = FormRequest {
            authorization: post.authorization.map_or(Header::Absent, Header::One),
            content_type: Header::One(Post::CONTENT_TYPE),
            body: post.body.as_bytes(),
        };
        let (seed, mut scratch) = (self.draw(), [0; SCRATCH]);
        let step = token(self.server, &request, self.now, seed, &mut scratch);
        let response = self.drive(step).write(buf).map_err(|_| "the room for an answer")?;
        Ok(client::Response {
            status: response.status(),
            content_type: Some("application/json"),
            retry_after: None,
            date: None,
            body: response.body().as_bytes(),
        })
    }

    /// A person logs in and consents; the tokens lie in `buf`.
    fn log_in<'b>(&mut self, config: &'b Config<'b>, buf: &'b mut [u8]) -> Result<Tokens<'b>, &'static str> {
        let (mut url, mut callback, mut request) = ([0; 512], [0; 512], [0; 512]);
        let seed = Entropy::new([9; client::authorize::ENTROPY]);
        let flow = Authorize::new(config, seed).map_err(|_| "the settings")?;
        let url = flow.url(&mut url).map_err(|_| "the room for the URL")?;
        let query = self.visit(url, &mut callback)?;
        let exchange = flow.callback(query).map_err(|_| "the callback")?;
        let post = exchange.request(&mut request).map_err(|_| "the room for the request")?;
        let (body, scratch) = buf.split_at_mut_checked(512).ok_or("the room for an answer")?;
        let response = self.send(&post, body)?;
        let tokens = granted(exchange.response(response, scratch));
        // The code is spent; who tries it again ends what came of it.
        tokens.ok_or("no tokens for a code")
    }

    /// Whether an API takes this access token.
    fn opens(&mut self, token: SecretText<'_>, scope: &str) -> Result<bool, &'static str> {
        let (mut header, mut scratch) = ([0; 128], [0; SCRATCH]);
        let mut writer = valetkey::text::buf::Writer::new(&mut header);
        writer.push_str("Bearer ");
        writer.push_str(token.expose());
        let header = writer.finish().map_err(|_| "the room for a header")?;
        let issuers = [Issuer::opaque(ISSUER)];
        let policy = resource::Policy::new(&issuers, Audience::Required(API), scope);
        let Check::Introspect(need) = resource::check(Header::One(header), &policy, self.now, &mut []) else {
            return Err("an opaque token was not looked up");
        };
        let reply = self.drive(introspect_local(self.server, need.token(), self.now, &mut scratch));
        let answer = reply.introspection().ok_or("no introspection")?;
        match need.resume(&answer) {
            Ok(access) => {
                check((access.subject, access.client_id) == ("alice", "demo-web"), "whose token it is").map(|()| true)
            }
            Err(_) => Ok(false),
        }
    }
}

fn granted<'b, E>(outcome: Result<Outcome<'b>, E>) -> Option<Tokens<'b>> {
    match outcome {
        Ok(Outcome::Tokens(tokens)) => Some(tokens),
        _ => None,
    }
}

fn config() -> Result<Config<'static>, ConfigError> {
    let auth = client::ClientAuth::Basic(SecretText::new("web-secret"));
    let config = Config::new(ISSUER, "https://as.example/token", WEB.client_id, auth)?
        .with_redirect("https://as.example/authorize", CALLBACK)?
        .with_scope("read write")?
        .with_resource(API)?;
    Ok(config.expecting_iss())
}

fn in_a_world(group: impl FnOnce(&mut World<'_>, &Config<'_>) -> Verdict) -> Verdict {
    let keys = [ServerKey::new(1, Secret::new([7; 32]))];
    let issuer = valetkey::server::Issuer::new(ISSUER).map_err(|_| "the issuer")?;
    let server = Server::new(issuer, Policy::OAUTH21, &keys).map_err(|_| "the server")?;
    let config = config().map_err(|_| "the settings")?;
    let mut world = World { server: &server, store: Store::new(), now: UnixTime(1_800_000_000), drawn: 0 };
    group(&mut world, &config)
}

/// Tokens for a code, others for the refresh token, the same for the same request within the grace window; and after it
/// the end of the grant, as the old refresh token may have been stolen.
pub(crate) fn code_and_refresh() -> Verdict {
    in_a_world(|world, config| {
        let (mut first, mut request) = ([0; 768], [0; 512]);
        let tokens = world.log_in(config, &mut first)?;
        let old = tokens.refresh_token.ok_or("no refresh token")?;
        let flow = Refresh::new(config, old, "read").map_err(|_| "the refresh token")?;
        let post = flow.request(&mut request).map_err(|_| "the room for the request")?;

        let (mut second, mut again, mut scratch) = ([0; 512], [0; 512], [0; 64]);
        let response = world.send(&post, &mut second)?;
        let grace = world.send(&post, &mut again)?;
        check(response.body == grace.body, "another successor for the same request")?;
        let renewed = granted(flow.response(response, &mut scratch)).ok_or("no tokens for a refresh token")?;
        check(renewed.refresh_token.is_some_and(|new| new.expose() != old.expose()), "it does not rotate")?;
        check(renewed.scope == "read", "the scope")?;
        check(world.opens(renewed.access_token, "read")?, "the new token opens nothing")?;

        world.now = world.now.plus(60);
        let replayed = world.send(&post, &mut again)?;
        check(
            matches!(flow.response(replayed, &mut []), Ok(Outcome::Denied { status: 400, .. })),
            "a replay was taken",
        )?;
        check(!world.opens(renewed.access_token, "read")?, "a replay left the grant as it was")
    })
}

/// An API takes the token for what it is good for, until it expires.
pub(crate) fn introspection() -> Verdict {
    in_a_world(|world, config| {
        let mut buf = [0; 768];
        let tokens = world.log_in(config, &mut buf)?;
        check(world.opens(tokens.access_token, "write")?, "a good token was refused")?;
        check(!world.opens(tokens.access_token, "admin")?, "it opens what was not consented to")?;
        check(!world.opens(SecretText::new("2YotnFZFEjr1zCsicMWpAA"), "read")?, "a made-up token was taken")?;
        let refresh = tokens.refresh_token.ok_or("no refresh token")?;
        check(!world.opens(refresh, "read")?, "a refresh token passed for an access token")?;
        world.now = world.now.plus(tokens.expires_in.unwrap_or(0));
        check(!world.opens(tokens.access_token, "read")?, "an expired token was taken")
    })
}
