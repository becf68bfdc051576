//! Starts that were saved, carried out: what they say from near to far, the flow at the end, and a run that fits it.

use model::limits::MAX_CLOSURES;
use model::{Code, FlowId, Preset, Refusal, RunId, TenantId, Version};
use uuid::Uuid;

use crate::{Error, StartRun, Store};

/// What a saved start is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The flow of this name.
    Flow(String),
    /// The closure of this name.
    Closure(String),
}

/// A start that was saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// What it is of.
    pub base: Base,
    /// What it says about its runs.
    pub start: Preset,
}

/// Why a saved start cannot be carried out.
#[derive(Debug)]
pub enum Unfit {
    /// What was saved does not fit what is there. The pointer is into what was saved.
    Refused(Refusal),
    /// The store could not say.
    Store(Error),
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

pub(crate) fn refusal(code: Code, detail: impl Into<String>) -> Refusal {
    Refusal { code, pointer: String::new(), offset: 0, detail: detail.into() }
}

/// What a row names; one of the two is there.
pub(crate) fn read_base(flow: Option<String>, closure: Option<String>) -> Result<Base, Error> {
    let base = flow.map(Base::Flow).or(closure.map(Base::Closure));
    base.ok_or_else(|| Error::unreadable("a saved start", "it names nothing"))
}

impl Base {
    /// The flow's name and the closure's.
    pub(crate) fn names(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Flow(flow) => (Some(flow), None),
            Self::Closure(closure) => (None, Some(closure)),
        }
    }
}

impl StartRun {
    /// The start of a run on a version, as this is said; refused where the input does not fit.
    pub fn new(
        (tenant, tenant_name): (TenantId, String),
        run_id: RunId,
        (flow_id, number, version): (FlowId, u32, &Version),
        said: &Preset,
    ) -> Result<Self, Refusal> {
        let input = said.input.clone().unwrap_or_else(model::Json::null);
        version.check_input(&input).map_err(at_input)?;
        let deadline_ms = said.deadline_ms.or(version.plan.definition.deadline_ms);
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        Ok(Self {
            tenant,
            tenant_name,
            run_id,
            flow_id,
            version: number,
            pinned: said.version.is_some(),
            roots: version.roots.clone(),
            input,
            priority: said.priority.unwrap_or(0),
            traceparent: None,
            delay_ms: signed(said.delay_ms.unwrap_or(0)),
            options: (!said.options.is_empty()).then(|| said.options.clone().into()),
            deadline_ms: deadline_ms.map(signed),
            key: said.key.clone(),
        })
    }
}

fn at_input(mut refusal: Refusal) -> Refusal {
    refusal.pointer.insert_str(0, "/input");
    refusal
}

impl Store {
    /// The flow at the end of a saved start, and all that is said on the way there.
    pub async fn resolve(
        &self,
        tenant: TenantId,
        saved: &Saved,
    ) -> Result<(String, Preset), Unfit> {
        let mut said = saved.start.clone();
        let name = match &saved.base {
            Base::Flow(flow) => return Ok((flow.clone(), said)),
            Base::Closure(name) => name,
        };
        let chain = self.list_closure_chain(tenant, name).await?;
        if chain.is_empty() {
            let detail = format!("there is no closure `{name}`");
            return Err(refusal(Code::ClosureNotFound, detail).into());
        }
        for closure in chain {
            said = said.over(closure.saved.start).map_err(at_input)?;
            if let Base::Flow(flow) = closure.saved.base {
                return Ok((flow, said));
            }
        }
        let detail = format!("closure `{name}` stands on more than {MAX_CLOSURES} others");
        Err(refusal(Code::ClosureTooDeep, detail).into())
    }

    /// A run of a saved start, ready to be started on the version new runs start on, or on the one it asks for.
    pub async fn prepare(
        &self,
        (tenant, tenant_name): (TenantId, String),
        saved: &Saved,
    ) -> Result<StartRun, Unfit> {
        let (flow, said) = self.resolve(tenant, saved).await?;
        let Some((flow_id, current)) = self.find_flow(tenant, &flow).await? else {
            return Err(refusal(Code::FlowNotFound, format!("there is no flow `{flow}`")).into());
        };
        let Some(number) = said.version.or(current) else {
            let detail =
                format!("flow `{flow}` has no active version; activate one, or name a `version`");
            return Err(refusal(Code::FlowNoActiveVersion, detail).into());
        };
        let Some(version) = self.find_version((tenant, flow_id, number)).await? else {
            let detail = format!("flow `{flow}` has no version {number}");
            return Err(refusal(Code::VersionNotFound, detail).into());
        };
        let run_id = RunId(Uuid::now_v7());
        Ok(StartRun::new((tenant, tenant_name), run_id, (flow_id, number, &version), &said)?)
    }
}
