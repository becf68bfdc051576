//! A call that goes out: both sides allow it, its claim holds, its breaker lets it through and is told what came of it.

use std::sync::Arc;
use std::time::Duration;

use model::{Failure, Grants, HttpRequest, Name, Origin, Placeholders, StepIndex, Version};
use outbound::{Call, Error};
use store::{Admission, Claim, Outgoing, Pass, Verdict};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::Shared;
use crate::prepare::patiently;
use crate::revealed::Revealed;

/// How much longer than its deadline a probe is waited for: the time it takes to say what came of it.
const PROBE_GRACE: Duration = Duration::from_secs(5);

/// Makes the calls of one attempt.
pub(crate) struct Caller {
    pub(crate) shared: Arc<Shared>,
    /// What the attempt is made under.
    pub(crate) claim: Claim,
    pub(crate) version: Arc<Version>,
    pub(crate) step: StepIndex,
    /// What stands for secrets in this attempt.
    pub(crate) placeholders: Placeholders,
}

/// How much of a body is wanted.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// All of it, of at most so many bytes.
    Whole(usize),
    /// Its first bytes; whether it breaks off does not matter.
    Beginning(usize),
}

/// What came back.
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// In the order they came, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    /// The value of a header, the first where there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why nothing came back.
pub(crate) enum Unanswered {
    /// It was not permitted, not sent, or not to its end.
    Outbound(Error),
    /// Calls to the origin are held back for so long.
    HeldBack(Origin, Duration),
    /// The claim no longer holds: nothing was sent, and nothing of the attempt can be recorded.
    NotHeld,
    /// Its time was over.
    TimedOut,
    /// Postgres could not be asked.
    Host(Failure),
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Self::Outbound(error)
    }
}

impl Caller {
    /// Makes a call and reads what came back, until the deadline. Dropping it hangs up.
    pub(crate) async fn call(
        &self,
        request: HttpRequest,
        deadline: Instant,
        wanted: impl Fn(u16) -> Wanted,
    ) -> Result<Answered, Unanswered> {
        let outbound = &self.shared.outbound;
        let secrets = self.secrets(&request)?;
        let permitted = outbound.permit(self.grants(), request)?;
        let passed = self.admitted(&permitted, deadline).await?;
        let answering = self.send(permitted, &secrets, wanted);
        let answered = match timeout_at(deadline, answering).await {
            Ok(answered) => answered,
            Err(_elapsed) => Err(Unanswered::TimedOut),
        };
        passed.conclude(verdict(&answered)).await;
        answered
    }

    fn grants(&self) -> &Grants {
        &self.version.plan.step(self.step).grants
    }

    /// The secrets whose placeholders are in the request.
    fn secrets(&self, request: &HttpRequest) -> Result<Vec<Name>, Error> {
        // What is no URL of a host is refused by whoever permits it.
        let Some(origin) = Origin::of(&request.url) else { return Ok(Vec::new()) };
        self.placeholders.find(request, self.grants(), &origin).map_err(Error::Denied)
    }

    /// Whether the call may go out: the claim it is made under holds, and its breaker lets it through.
    async fn admitted(&self, call: &Call, deadline: Instant) -> Result<Passed, Unanswered> {
        let shared = &self.shared;
        let outgoing = Outgoing {
            claim: self.claim,
            origin: call.origin(),
            lost_after: deadline.saturating_duration_since(Instant::now()) + PROBE_GRACE,
            number: rand::random(),
        };
        let asked = timeout_at(deadline, patiently(|| shared.store.admit_call(&outgoing))).await;
        match asked.map_err(|_elapsed| Unanswered::TimedOut)?.map_err(Unanswered::Host)? {
            Admission::Go(pass) => {
                Ok(Passed { shared: Arc::clone(shared), pass: Some(pass), deadline })
            }
            Admission::Refused { retry_in } => {
                // What is left of a probe is not known: it can be over at any time.
                let retry_in = retry_in.min(shared.settings.breaker.recovery);
                Err(Unanswered::HeldBack(call.origin().clone(), retry_in))
            }
            Admission::NotHeld => Err(Unanswered::NotHeld),
        }
    }

    async fn send(
        &self,
        mut call: Call,
        secrets: &[Name],
        wanted: impl Fn(u16) -> Wanted,
    ) -> Result<Answered, Unanswered> {
        let revealed = self.reveal(&mut call, secrets).await?;
        let mut answer = self.shared.outbound.send(call).await?;
        let wanted = wanted(answer.status);
        let body = match wanted {
            Wanted::Whole(most) => answer.body(most).await?,
            Wanted::Beginning(most) => answer.beginning(most).await.unwrap_or_default(),
        };
        let headers = std::mem::take(&mut answer.headers);
        let hide = |(name, value)| (name, revealed.hide_text(value));
        let (headers, body) =
            (headers.into_iter().map(hide).collect(), revealed.hide(body, wanted)?);
        Ok(Answered { status: answer.status, headers, body })
    }

    /// Puts the values of secrets into the call.
    async fn reveal(&self, call: &mut Call, secrets: &[Name]) -> Result<Revealed, Error> {
        let (store, tenant) = (&self.shared.store, self.claim.tenant());
        let mut revealed = Revealed::default();
        for name in secrets {
            let value = match store.find_secret(tenant, name).await {
                Ok(Some(value)) => value,
                Ok(None) => {
                    let why =
                        format!("secret `{name}` is not set; `stepcell secret set {name}` does");
                    return Err(Error::Denied(why));
                }
                Err(error) => {
                    tracing::warn!(%error, "a secret cannot be read");
                    return Err(Error::Host(error.to_string()));
                }
            };
            let placeholder = self.placeholders.of(name);
            call.reveal(&placeholder, &value)?;
            revealed.add(placeholder, value);
        }
        Ok(revealed)
    }
}

/// A call that its breaker let through. The breaker is told what came of it, also where the attempt is dropped meanwhile.
struct Passed {
    shared: Arc<Shared>,
    pass: Option<Pass>,
    deadline: Instant,
}

impl Passed {
    /// Tells the breaker. What is answered does not wait for a Postgres that is away.
    async fn conclude(mut self, verdict: Verdict) {
        if let Some(told) = self.tell(verdict) {
            // It says by itself what went wrong.
            let _ = told.await;
        }
    }

    fn tell(&mut self, verdict: Verdict) -> Option<JoinHandle<()>> {
        let pass = self.pass.take()?;
        let shared = Arc::clone(&self.shared);
        // Only where the process ends there is nobody to do it.
        let runtime = Handle::try_current().ok()?;
        Some(runtime.spawn(async move {
            let rule = shared.settings.breaker;
            if let Err(error) = shared.store.conclude_call(&pass, verdict, rule).await {
                tracing::debug!(%error, "could not tell a breaker what a call came to");
            }
        }))
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        let is_over = Instant::now() >= self.deadline;
        self.tell(if is_over { Verdict::Badly } else { Verdict::Unknown });
    }
}

fn verdict(answered: &Result<Answered, Unanswered>) -> Verdict {
    match answered {
        Ok(answered) if answered.status >= 500 => Verdict::Badly,
        Ok(_) | Err(Unanswered::Outbound(Error::TooLarge(_))) => Verdict::Well,
        Err(Unanswered::Outbound(
            Error::Dns(_) | Error::Connect(_) | Error::Tls(_) | Error::Failed(_),
        ))
        | Err(Unanswered::TimedOut) => Verdict::Badly,
        Err(Unanswered::Outbound(
            Error::Denied(_) | Error::RefusedAddress(_) | Error::Invalid(_) | Error::Host(_),
        ))
        | Err(Unanswered::HeldBack(..) | Unanswered::NotHeld | Unanswered::Host(_)) => {
            Verdict::Unknown
        }
    }
}
