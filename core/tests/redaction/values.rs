//! Values that no flow gives, or not each kind of.

use crate::flows::{CALLBACK, HUSH, ISSUER, NOW, PHC, Watch, World, hush, show_record};
use crate::hidden::Hidden;
use std::fmt::Display;
use valetkey::client::keeper::{FlashError, StoreError};
use valetkey::client::{
    self, Authorize, CallbackError, Config, ConfigError, Forms, ImportError, Leniency, Outcome, Response, Retry,
};
use valetkey::error::{ErrorCode, TooSmall};
use valetkey::jose::parts::PartError;
use valetkey::jose::{Algorithm, ClaimsError, JwkError, JwsError};
use valetkey::resource::{KeySet, Refusal, Timing};
use valetkey::secret::{Entropy, Secret, SecretText};
use valetkey::server::change::{Committed, Event, EventKind, Expect, Key, Kind, Version};
use valetkey::server::record::{
    AccessTokenFormat, Account, Client, ClientAuth, Digest, GrantState, GrantTypes, Record, SigningKey,
};
use valetkey::server::{self, BadServer, Endpoint, Owner, Policy, Server, ServerKey};
use valetkey::text::base64::{self, Base64Error};
use valetkey::text::buf::Writer;
use valetkey::text::form::{Encoded, Form, FormError};
use valetkey::text::json::{self, Limits, Object, Reader};
use valetkey::text::uri::Uri;
use valetkey::time::Uptime;
use valetkey::wire::introspection::Introspection;
use valetkey::wire::resource_metadata::ResourceMetadata;
use valetkey::wire::server_metadata::{Place, ServerMetadata};
use valetkey::wire::token_response::{self, Answer, ErrorResponse, Member};

/// Secrets themselves.
pub(crate) fn secrets(w: &mut Hidden) {
    w.show(&Secret::<32>::new(hush()));
    w.show(&Entropy::<64>::new(hush()));
    w.show(&SecretText::new(HUSH));
}

/// Points in time, and what is wrong with a request.
pub(crate) fn facts(w: &mut Hidden) {
    w.show(&NOW);
    w.show(&Uptime(NOW.0));
    w.tell(&TooSmall { needed: 64 });
    w.tell(&ErrorCode::InvalidClient);
}

/// Metadata of issuers and APIs, and the times of key sets.
pub(crate) fn metadata(w: &mut Hidden) {
    let body = format!(r#"{{"issuer":"https://as.example","jwks_uri":"https://as.example/keys","x":"{HUSH}"}}"#);
    w.show(&ServerMetadata::read(body.as_bytes(), "https://as.example", &mut []).unwrap());
    for body in [body, format!(r#"{{"jwks_uri":"http://user:{HUSH}@as.example"}}"#), HUSH.into()] {
        w.tell(&ServerMetadata::read(body.as_bytes(), HUSH, &mut []).unwrap_err());
    }
    w.show(&Place::FIRST);
    w.show(&ResourceMetadata::new("https://api.example").unwrap());
    w.tell(&ResourceMetadata::new(&format!("https://{HUSH}@api.example")).unwrap_err());
    let mut set = KeySet::new(Timing::DEFAULT);
    w.show(&set.ask(false, Uptime(0), Uptime(0)));
    w.show(&set);
    w.show(&Timing::DEFAULT);
}

/// Text that is written, read and refused.
pub(crate) fn text(w: &mut Hidden) {
    let mut buf = [0; 512];
    let mut writer = Writer::new(&mut buf);
    let mut object = Object::new(&mut writer);
    object.string("access_token", HUSH);
    w.show(&object);
    object.close();
    w.show(&writer);

    w.show(&Encoded::new(HUSH));
    let body = format!("client_secret={HUSH}");
    w.show(&Form::new(&body, &[]).unwrap());
    for body in [format!("{HUSH}=%"), format!("{HUSH}=1&{HUSH}=2"), format!("{HUSH}&").repeat(40)] {
        let refused = Form::new(&body, &[]).err().or(Form::new("a=1&a=2", &[]).err());
        w.tell(&refused.unwrap());
    }
    w.tell(&FormError::Utf8);

    let url = format!("https://user:{HUSH}@client.example/cb?code={HUSH}&state={HUSH}#access_token={HUSH}");
    w.show(&Uri::parse(&url).unwrap());
    w.show(&Uri::parse(&format!("urn:{HUSH}")).unwrap());

    let malformed = format!("{HUSH}!");
    w.tell(&base64::decode(&malformed, &mut [0; 64]).unwrap_err());
    w.tell(&base64::decode(HUSH, &mut [0; 2]).unwrap_err());
    w.tell(&Base64Error::WrongLength);
}

/// JSON documents, read and refused.
pub(crate) fn json(w: &mut Hidden) {
    #[derive(serde::Deserialize, Debug)]
    struct Claims {
        #[expect(dead_code, reason = "never read: every document is refused")]
        seats: u32,
    }
    w.show(&Limits::DEFAULT);
    let document = format!(r#"{{"access_token":"{HUSH}\n","{HUSH}":1}}"#);
    let mut scratch = [0; 512];
    let mut reader = Reader::new(document.as_bytes(), Limits::DEFAULT, &mut scratch);
    reader.object().unwrap();
    w.show(&reader);
    assert_eq!(reader.name(), Ok(Some("access_token")));
    w.show(&reader.peek().unwrap());
    let refused = reader.u64().unwrap_err();
    w.show(&reader);
    w.tell(&refused);
    w.tell(&refused.fault);
    for document in [
        format!(r#"{{"seats":"{HUSH}"}}"#),
        format!(r#"{{"{HUSH}":1}}"#),
        format!(r#"{{"{HUSH}":1,"{HUSH}":1}}"#),
        format!(r#"{{"seats":{{"{HUSH}":1}}}}"#),
        HUSH.to_owned(),
    ] {
        let mut scratch = [0; 512];
        let read: Result<Claims, _> = json::from_slice(document.as_bytes(), Limits::DEFAULT, &mut scratch);
        w.tell(&read.unwrap_err());
    }
}

/// Token responses, read and refused.
pub(crate) fn token_responses(w: &mut Hidden) {
    let lenient = Leniency { form_encoded: Some(Forms::READ), ..Leniency::NONE };
    w.show(&lenient);
    w.show(&Forms::READ);
    w.show(&Member::AccessToken);
    let mut read = |success, content_type, body: &str| {
        let mut scratch = [0; 512];
        match token_response::read(success, Some(content_type), body.as_bytes(), &mut scratch, lenient) {
            Ok(answer) => {
                w.show(&answer);
                match answer {
                    Answer::Tokens(tokens) => w.show(&tokens),
                    Answer::Error(error) => w.show(&error),
                }
            }
            Err(fault) => w.tell(&fault),
        }
        let response = Response {
            status: 200,
            content_type: Some(content_type),
            retry_after: None,
            date: None,
            body: body.as_bytes(),
        };
        w.show(&response);
    };
    let tokens = format!(r#""access_token":"{HUSH}\u0041","refresh_token":"{HUSH}""#);
    read(true, "application/json", &format!(r#"{{{tokens},"token_type":"Bearer"}}"#));
    read(true, "application/json", &format!(r#"{{{tokens},"token_type":"{HUSH}"}}"#));
    read(true, "application/json", &format!(r#"{{{tokens},"token_type":"Bearer","scope":"{HUSH}  x"}}"#));
    read(true, "application/json", &format!(r#"{{{tokens},"token_type":"Bearer","expires_in":"{HUSH}"}}"#));
    read(true, "application/json", &format!(r#"{{{tokens},"{HUSH}":1,"{HUSH}":2}}"#));
    read(true, HUSH, HUSH);
    read(true, "application/x-www-form-urlencoded", &format!("access_token={HUSH}&token_type=bearer"));
    read(true, "application/x-www-form-urlencoded", &format!("access_token={HUSH}&access_token={HUSH}"));
    read(false, "application/json", r#"{"error":"invalid_grant"}"#);
    read(false, "application/json", &format!(r#"{{"{HUSH}":"{HUSH}"}}"#));
}

/// Introspection responses, read and refused.
pub(crate) fn introspections(w: &mut Hidden) {
    for body in [
        r#"{"active":true,"client_id":"web","exp":1700000000}"#.to_owned(),
        format!(r#"{{"active":true,"exp":"{HUSH}"}}"#),
        format!(r#"{{"active":true,"iss":"{HUSH}","{HUSH}":1,"{HUSH}":2}}"#),
        format!(r#"{{"active":true,"client_id":"{HUSH}\u0041"}}"#),
        HUSH.to_owned(),
    ] {
        let mut scratch = [0; 8];
        match Introspection::read(body.as_bytes(), &mut scratch) {
            Ok(answer) => w.show(&answer),
            Err(fault) => w.tell(&fault),
        }
    }
}

/// Every reason by which a signed token, its claims or its key is refused.
pub(crate) fn signed_tokens(w: &mut Hidden) {
    use JwkError as K;
    use JwsError as J;
    use Refusal as R;
    let mut reader = Reader::new(HUSH.as_bytes(), Limits::DEFAULT, &mut []);
    let json = reader.object().unwrap_err();
    each(w, &Algorithm::ALL);
    each(w, &[J::TooLong, J::Segments, J::Base64, J::Header(json), J::Malformed("alg"), J::Algorithm, J::NotAllowed]);
    each(w, &[J::Critical, J::OtherKey, J::Signature, J::Scratch]);
    each(w, &[ClaimsError::Json(json), ClaimsError::Malformed("exp"), ClaimsError::Scratch]);
    each(w, &[K::Json(json), K::TooLong, K::Missing("k"), K::Malformed("k"), K::Unsupported, K::Algorithm, K::Purpose]);
    each(w, &[K::Weak, K::Scratch, K::Mixed, K::Duplicate, K::Set]);
    each(w, &[PartError::Algorithm, PartError::BadKey]);
    each(
        w,
        &[R::Request, R::Jws(J::Signature), R::Claims(ClaimsError::Scratch), R::Type, R::Missing("sub"), R::Issuer],
    );
    each(w, &[R::UnknownKey, R::Audience, R::Expired, R::NotYet, R::Bound, R::Inactive, R::Scope, R::Login]);
    each(w, &[R::Unavailable]);
}

/// Every reason by which the client refuses.
pub(crate) fn client_errors(w: &mut Hidden) {
    use ConfigError as C;
    let not_vschar = format!("{HUSH}\n");
    let auth = client::ClientAuth::Basic(SecretText::new(&not_vschar));
    w.show(&auth);
    w.tell(&Config::new(ISSUER, ISSUER, "web", auth).unwrap_err());
    let all = [C::Issuer, C::TokenEndpoint, C::AuthorizationEndpoint, C::RedirectUri, C::ClientId];
    each(w, &all);
    each(w, &[C::ClientSecret, C::Scope, C::Resource, C::Audience, C::RefreshToken]);
    each(
        w,
        &[
            CallbackError::TooLong,
            CallbackError::Form(FormError::Repeated),
            CallbackError::State,
            CallbackError::Issuer,
        ],
    );
    each(w, &[CallbackError::CodeAndError, CallbackError::NoCode, CallbackError::Grammar]);
    w.tell(&FlashError);
    each(w, &[StoreError::Flash(FlashError), StoreError::Geometry, StoreError::TooLong]);
    w.tell(&StoreError::Buffer(TooSmall { needed: 64 }));
    each(w, &[ImportError::Version, ImportError::Damaged, ImportError::Config(C::Scope)]);

    let auth = client::ClientAuth::Body(SecretText::new(HUSH));
    let cfg = Config::new(ISSUER, ISSUER, "web", auth).unwrap().with_redirect(ISSUER, CALLBACK).unwrap();
    let flow = Authorize::new(&cfg, Entropy::new(hush())).unwrap();
    let mut url = [0; 1024];
    let state = flow.url(&mut url).unwrap().split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    w.hide(state.as_bytes());
    let mut flow = flow;
    for query in [
        format!("code={HUSH}&state={state}&iss={HUSH}"),
        format!("code={HUSH}&error={HUSH}&state={state}"),
        format!("code={HUSH}%0A&state={state}"),
        format!("{HUSH}={HUSH}&state={state}"),
        format!("code={HUSH}&code={HUSH}"),
    ] {
        let Err(client::Rejected::NotOurs { flow: again, why }) = flow.callback(&query) else {
            panic!("taken for ours")
        };
        w.show(&again);
        w.tell(&why);
        flow = again;
    }
    w.tell(&Authorize::import(&cfg, HUSH.as_bytes()).unwrap_err());

    let basic = client::ClientCredentials::new(&cfg).unwrap();
    w.show(&basic);
    for (status, body) in [(302, HUSH), (200, HUSH), (500, HUSH), (503, HUSH)] {
        let (body, retry_after, date) = (body.as_bytes(), Some("7"), None);
        let mut scratch = [0; 64];
        let response = Response { status, content_type: Some("application/json"), retry_after, date, body };
        match basic.response(response, &mut scratch) {
            Ok(outcome) => {
                w.show(&outcome);
                if let Outcome::After(said) = outcome {
                    w.show(&said);
                }
            }
            Err(error) => w.tell(&error),
        }
    }
    let error = ErrorResponse { error: "invalid_grant", description: None, uri: None };
    w.show(&Outcome::Denied { status: 400, error });
    for retry in [Retry::Safe, Retry::OnlyUnderGrace, Retry::Never] {
        w.show(&retry);
    }
    let mut buf = [0; 1024];
    let post = basic.request(&mut buf).unwrap();
    w.show(&post.duties);
}

fn each<T: std::fmt::Debug + Display>(w: &mut Hidden, values: &[T]) {
    values.iter().for_each(|value| w.tell(value));
}

/// What a server is made of and says of itself.
pub(crate) fn servers(w: &mut Hidden) {
    let keys = [ServerKey::new(1, Secret::new(hush())), ServerKey::new(1, Secret::new(hush()))];
    w.show(&keys[0]);
    let issuer = server::Issuer::new(ISSUER).unwrap();
    w.show(&issuer);
    w.show(&server::OwnedIssuer::from(issuer));
    w.tell(&Server::new(issuer, Policy::OAUTH21, &keys).unwrap_err());
    w.tell(&BadServer::Issuer);
    w.tell(&server::RegisterError::Secret);
    w.tell(&server::OperateError::Client(server::RegisterError::Secret));
    w.tell(&server::OperateError::Password);
    w.show(&Server::new(issuer, Policy::OAUTH21, &keys[..1]).unwrap());
    w.show(&Policy::OAUTH21);
    w.show(&Policy::OAUTH21.assertion_audience);
    w.show(&Endpoint::Token);
    w.show(&Owner::Denied);
    for fault in server::fault::Fault::ALL {
        w.tell(fault);
        w.show(&EventKind::Refused(*fault));
    }
    World::new(w);
}

/// Records, with all that a store keeps of secrets.
pub(crate) fn records(w: &mut Hidden) {
    let digest = server::secret_digest(HUSH);
    let hex = digest.to_string();
    w.hide(PHC.as_bytes());
    for (auth, secret) in [(ClientAuth::Drawn, hex.as_str()), (ClientAuth::Chosen, PHC), (ClientAuth::Public, "")] {
        let client = Client {
            client_id: "web",
            name: "A client",
            auth,
            secret,
            jwks: "",
            redirect_uris: CALLBACK,
            grant_types: GrantTypes::default(),
            scope: "read",
            resource: "",
            access_token: AccessTokenFormat::Opaque,
            may_introspect: false,
            live: true,
        };
        show_record(w, &Record::Client(client));
        w.show(&auth);
        w.show(&client.grant_types);
        w.show(&client.access_token);
    }
    let account = Account { subject: "alice", name: "Alice", password: PHC, live: true, logins: 0 };
    show_record(w, &Record::Account(account));
    let signing = SigningKey {
        kid: "1",
        algorithm: Algorithm::Es256,
        public: "{}",
        sealed: PHC,
        created_at: NOW,
        signs_from: NOW,
        retired_at: None,
    };
    show_record(w, &Record::SigningKey(signing));
    show_record(w, &Record::Used);
    w.hide(hex.as_bytes());
    w.show(&GrantState::Live);
    w.show(&Kind::Client);
    w.show(&Committed::Applied);
    w.show(&Expect::At(Version::new(7).unwrap()));
    w.show(&Key::client("web"));
    w.tell(&Digest([7; 32]));
    w.show(&Event {
        at: NOW,
        what: EventKind::Revoked,
        client_id: "web",
        subject: "alice",
        grant: Some(Digest([7; 32])),
        kid: "es256-1",
    });
}
