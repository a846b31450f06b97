//! What requests ask of a store, written down once and given straight to another store afterwards.

use crate::common::grants::{self, CLIENT, POLICY, server_key};
use crate::common::{REQUESTERS, Result, http};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use std::sync::{Arc, Mutex, PoisonError};
use valetkey::server::change::{Change, Committed, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::text::buf::Writer;
use valetkey::time::UnixTime;
use valetkey::wire::basic;
use valetkey_memory::MemoryStore;
use valetkey_tokio::server::AuthorizationServer;
use valetkey_tokio::store::{By, OwnedChange, Store, StoreError};

/// One thing that a store was asked.
pub(crate) enum Asked {
    Load(Keys),
    Commit(OwnedChange),
}

/// A store that remembers what it was asked.
#[derive(Clone)]
struct Recorder {
    store: MemoryStore,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Recorder {
    fn new(store: &MemoryStore) -> Self {
        Self { store: store.clone(), asked: Arc::default() }
    }

    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Recorder {
    async fn load(&self, keys: &Keys) -> std::result::Result<OwnedFound, StoreError> {
        self.note(Asked::Load(*keys));
        self.store.load(keys).await
    }

    async fn commit(&self, change: &Change<'_>) -> std::result::Result<Committed, StoreError> {
        self.note(Asked::Commit(change.into()));
        self.store.commit(change).await
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> std::result::Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        self.store.scan(by, after, limit).await
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> std::result::Result<usize, StoreError> {
        self.store.sweep(now, limit).await
    }
}

/// A run: what goes before it, and what each requester asks in each of its two parts.
pub(crate) struct Recording {
    pub(crate) before: Vec<Asked>,
    pub(crate) redemptions: Vec<Vec<Asked>>,
    pub(crate) refreshes: Vec<Vec<Asked>>,
}

/// Serves every redemption and one refresh of each, and writes down what the store was asked.
pub(crate) async fn record(codes: usize) -> Result<Recording> {
    let store = MemoryStore::new();
    let recorder = Arc::new(Recorder::new(&store));
    grants::register(&*recorder).await?;
    let codes = grants::codes(&recorder, codes).await?;
    let before = recorder.take();
    let mut recording = Recording { before, redemptions: Vec::new(), refreshes: Vec::new() };
    for share in codes.chunks(codes.len().div_ceil(REQUESTERS)) {
        let recorder = Recorder::new(&store);
        let server = AuthorizationServer::new("https://load.example", POLICY, vec![server_key()], recorder.clone())?;
        let mut tokens = Vec::with_capacity(share.len());
        for code in share {
            tokens.push(serve(&server, &grants::redeem(code)).await?);
        }
        recording.redemptions.push(recorder.take());
        for token in &tokens {
            serve(&server, &grants::refresh(token)).await?;
        }
        recording.refreshes.push(recorder.take());
    }
    Ok(recording)
}

/// Serves a token request and gives the refresh token.
async fn serve(server: &AuthorizationServer<Recorder>, form: &str) -> Result<String> {
    let mut room = [0; 256];
    let mut authorization = Writer::new(&mut room);
    basic::push(&mut authorization, CLIENT.0, CLIENT.1);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization.finish()?)?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let response = server.token(&headers, form.as_bytes()).await;
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 64 * 1024).await?;
    let body = std::str::from_utf8(&body)?;
    match http::member(body, "refresh_token") {
        "" => Err(format!("answered with {status}: {body}").into()),
        token => Ok(token.to_owned()),
    }
}

/// Asks a store the same, each requester in its order and all at once. Gives how many changes were applied.
pub(crate) async fn replay<S: Store + Clone>(store: &S, asked: Vec<Vec<Asked>>) -> Result<u32> {
    let mut tasks = Vec::new();
    for asked in asked {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut applied = 0;
            for one in &asked {
                match one {
                    Asked::Load(keys) => drop(store.load(keys).await?),
                    Asked::Commit(owned) => match store.commit(&owned.view().ok_or("a change out of bounds")?).await? {
                        Committed::Applied => applied += 1,
                        Committed::Conflict => return Err("what was recorded does not apply".into()),
                    },
                }
            }
            Ok::<u32, Box<dyn std::error::Error + Send + Sync>>(applied)
        }));
    }
    let mut applied = 0;
    for task in tasks {
        applied += task.await??;
    }
    Ok(applied)
}

/// Deals what goes before a run out to all requesters: its changes are of different records.
pub(crate) fn deal(before: Vec<Asked>) -> Vec<Vec<Asked>> {
    let mut hands: Vec<Vec<Asked>> = std::iter::repeat_with(Vec::new).take(REQUESTERS).collect();
    let changes = before.into_iter().filter(|asked| matches!(asked, Asked::Commit(_)));
    for (n, change) in changes.enumerate() {
        hands[n % REQUESTERS].push(change);
    }
    hands
}
