//! An API over a database of its own, and ways to ask it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use model::{Definition, Digest, Name, Options, Plan, Step};
use sandbox::{CompilerCommand, Sandbox};
use serde_json::{Value, json};
use store::{By, NewComponent, NewKey, Scope, Store};
use tower::ServiceExt;

/// What the API answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// An API over a database of its own.
pub(crate) struct Host {
    pub(crate) key: String,
    router: Router,
    store: Store,
    database: devdb::TestDatabase,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let mut key = String::new();
        for entry in std::fs::read_dir(migrations).unwrap() {
            key.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
        }
        let migrate = async |url| {
            let store = Store::connect(&store::Settings::new(url)).await?;
            let done = store.migrate().await;
            store.close().await;
            done
        };
        let database = devdb::for_tests(&key, migrate).await.unwrap();
        let mut settings = store::Settings::new(database.url());
        (settings.connections, settings.hot_connections) = (2, 2);
        let store = Store::connect(&settings).await.unwrap();
        let artifacts = std::env::temp_dir().join(format!("stepcell-api-{}", std::process::id()));
        let nobody = CompilerCommand { program: "/nonexistent".into(), args: Vec::new() };
        let mut settings = sandbox::Settings::new(artifacts, [7; 32], nobody);
        settings.slots = 1;
        let sandbox = Sandbox::new(settings).unwrap();
        let router = api::router(api::State::new(store.clone(), sandbox, api::Limits::default()));
        let mut host = Self { key: String::new(), router, store, database };
        host.key = host.key_of("default").await;
        host
    }

    /// A key with every scope of this tenant, which is made where it is not there.
    pub(crate) async fn key_of(&self, tenant: &str) -> String {
        let insert =
            format!("insert into tenant (name) values ('{tenant}') on conflict do nothing");
        self.database.run(&[&insert]).unwrap();
        self.make_key(tenant, &[Scope::Read, Scope::Run, Scope::Deploy]).await
    }

    pub(crate) async fn key_with(&self, scopes: &[Scope]) -> String {
        self.make_key("default", scopes).await
    }

    async fn make_key(&self, tenant: &str, scopes: &[Scope]) -> String {
        let tenant = self.store.find_tenant(tenant).await.unwrap().unwrap();
        let key = api::Key::generate();
        let secret = key.secret_sha256();
        let row = NewKey::new(key.id(), &secret, scopes);
        self.store.create_key(By::operator(tenant), &row).await.unwrap();
        key.to_string()
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    /// A component as far as the store is concerned; its digest.
    pub(crate) async fn component(&self) -> Digest {
        let tenant = self.store.find_tenant("default").await.unwrap().unwrap();
        let digest = Digest::of(b"a component");
        let report = json!({
            "world": "handler", "imports": [], "exports": ["handle"], "pure": true, "completed": false,
            "uploaded_bytes": 11, "component_bytes": 11, "core_instances": 1, "memory_minimum_bytes": 0,
            "table_elements": 0, "compile_ms": 1,
        });
        let report = report.to_string();
        let new = NewComponent { digest, bytes: b"a component", report: &report, source: None };
        self.store.put_component(By::operator(tenant), new).await.unwrap();
        digest
    }

    /// An active flow of steps that need nothing; its component's digest.
    pub(crate) async fn flow(&self, name: &str, steps: &[&str], maps: &[&str]) -> Digest {
        let tenant = self.store.find_tenant("default").await.unwrap().unwrap();
        let component = self.component().await;
        let step = |step: &&str| Step {
            name: step.parse::<Name>().unwrap(),
            needs: Vec::new(),
            map: maps.contains(step),
            component: Some(component),
            builtin: None,
            handler: String::new(),
            options: Options::default(),
            input_schema: None,
            output_schema: None,
            condition: model::Condition::default(),
            on_unmet: model::Policy::Skip,
            start_delay_ms: 0,
            concurrency: None,
            rate_limit: None,
            compensates: false,
            abandon_children: false,
            grants: model::Grants::default(),
        };
        let steps = steps.iter().map(step).collect();
        let definition = Definition {
            flow: name.parse().unwrap(),
            description: None,
            input_schema: None,
            deadline_ms: None,
            rate_limits: Vec::new(),
            steps,
        };
        let plan = Plan::new(definition);
        let by = By::operator(tenant);
        let registered = self.store.register_version(by, &plan).await.unwrap();
        self.store.activate(by, registered.flow_id, registered.version).await.unwrap();
        component
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Some(&self.bearer()), None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(&self.bearer()), Some(&body.to_string())).await
    }

    pub(crate) async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        self.send(Request::get(path).header(name, value).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        name: &str,
        value: &str,
        body: Value,
    ) -> Answer {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, self.bearer())
            .header(header::CONTENT_TYPE, "application/json")
            .header(name, value);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn put(&self, kind: &str, body: &[u8]) -> Answer {
        let request = Request::put("/v1/components")
            .header(header::AUTHORIZATION, self.bearer())
            .header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(body.to_vec())).unwrap()).await
    }

    /// The whole text of a stream of events.
    pub(crate) async fn stream(&self, path: &str) -> String {
        let request = Request::get(path)
            .header(header::AUTHORIZATION, self.bearer())
            .header(header::ACCEPT, "text/event-stream")
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<&str>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(bearer) = bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        self.send(request.body(Body::from(body.unwrap_or_default().to_owned())).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
        Answer { status, headers, body }
    }
}
