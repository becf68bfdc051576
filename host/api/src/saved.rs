//! What closures and schedules share: names, what they start, and why that cannot be.

use model::near::nearest;
use model::{Code, Name, TenantId};
use serde::Serialize;
use store::{Base, Unfit};
use utoipa::ToSchema;

use crate::asked::refused;
use crate::closures::PAGE;
use crate::params::{MAX_PAGE, shown};
use crate::problem::Problem;
use crate::state::State;

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Refused(refusal) => refused(refusal),
            Unfit::Store(error) => error.into(),
        }
    }
}

/// What something is of, as it is shown: one of the two.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BaseView {
    /// The flow's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<String>,
    /// The closure's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    closure: Option<String>,
}

impl From<Base> for BaseView {
    fn from(base: Base) -> Self {
        match base {
            Base::Flow(flow) => Self { flow: Some(flow), closure: None },
            Base::Closure(closure) => Self { flow: None, closure: Some(closure) },
        }
    }
}

/// The name of the path, for something that is to be saved.
pub(crate) fn name(text: &str) -> Result<Name, Problem> {
    text.parse()
        .map_err(|why: model::name::BadName| Problem::new(Code::RequestInvalid, why.to_string()))
}

/// What is to be started: a flow or a closure that is there.
pub(crate) async fn base(
    state: &State,
    tenant: TenantId,
    flow: Option<String>,
    closure: Option<String>,
) -> Result<Base, Problem> {
    match (flow, closure) {
        (Some(flow), None) => match state.store().find_flow(tenant, &flow).await? {
            Some(_) => Ok(Base::Flow(flow)),
            None => Err(unknown_flow(state, tenant, &flow).await?),
        },
        (None, Some(closure)) => match state.store().get_closure(tenant, &closure).await? {
            Some(_) => Ok(Base::Closure(closure)),
            None => Err(unknown_closure(state, tenant, &closure).await?.at("/closure")),
        },
        (Some(_), Some(_)) => {
            let detail = "`flow` and `closure` both say what is started; send one of them";
            Err(Problem::new(Code::RequestInvalid, detail).at("/closure"))
        }
        (None, None) => {
            let detail = "nothing says what is started; send `flow` or `closure`";
            Err(Problem::new(Code::RequestInvalid, detail))
        }
    }
}

async fn unknown_flow(state: &State, tenant: TenantId, asked: &str) -> Result<Problem, Problem> {
    let known = state.store().list_flows(tenant, "", MAX_PAGE).await?;
    let detail = unknown("flow", asked, known.iter().map(|flow| flow.name.as_str()));
    Ok(Problem::new(Code::FlowNotFound, detail).at("/flow"))
}

/// There is no such closure, or it is somebody else's.
pub(crate) async fn unknown_closure(
    state: &State,
    tenant: TenantId,
    asked: &str,
) -> Result<Problem, Problem> {
    let known = state.store().list_closures(tenant, "", PAGE).await?;
    let detail = unknown("closure", asked, known.iter().map(|closure| closure.name.as_str()));
    Ok(Problem::new(Code::ClosureNotFound, detail))
}

fn unknown<'a>(kind: &str, asked: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = nearest(asked, known).map(|near| format!("; did you mean `{near}`?"));
    format!("there is no {kind} `{}`{}", shown(asked), near.unwrap_or_default())
}
