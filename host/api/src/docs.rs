//! The OpenAPI document: made from the handlers themselves, finished with what they share.

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, Ref, ResponseBuilder};

use crate::problem::{ProblemBody, Reason};

/// What the document begins with.
#[derive(OpenApi)]
#[openapi(
    info(title = "Stepcell", description = "Durable flows whose steps are untrusted WebAssembly components."),
    components(schemas(ProblemBody, Reason)),
    tags(
        (name = "components", description = "Uploaded wasm, named by its sha256."),
        (name = "flows", description = "Named graphs of steps, and their immutable versions."),
        (name = "runs", description = "Executions of a flow version."),
        (name = "closures", description = "Starts that were saved under a name."),
        (name = "schedules", description = "Runs that start by themselves."),
        (name = "tenants", description = "Who owns things, their keys, and the audit log; for the operator."),
        (name = "secrets", description = "What the host puts into calls; values go in and never come out."),
        (name = "workers", description = "Who runs attempts, on every host."),
        (name = "quotas", description = "What tenants may take, and what they took."),
        (name = "host", description = "Health, metrics and pages; no key needed."),
    )
)]
pub(crate) struct Docs;

/// The security scheme's name in the document.
const KEY: &str = "key";

/// Adds what every operation shares: the key, and the one shape of problems.
pub(crate) fn finish(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let scheme =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("sc_<id>_<secret>");
    let components = document.components.take().unwrap_or_else(|| ComponentsBuilder::new().build());
    let mut components = components;
    components.security_schemes.insert(KEY.to_owned(), SecurityScheme::Http(scheme.build()).into());
    document.components = Some(components);
    document.security = Some(vec![SecurityRequirement::new(KEY, Vec::<String>::new())]);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let content =
                ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let problem = ResponseBuilder::new()
                .description("a problem (RFC 9457)")
                .content("application/problem+json", content)
                .build();
            operation.responses.responses.insert("default".to_owned(), problem.into());
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = item;
    [get, put, post, delete].into_iter().flatten()
}
