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

/// Below this a guest's own timeout says nothing about the origin it calls.
const SHORTEST_FAIR: Duration = Duration::from_secs(2);

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

/// How long a call may take.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    until: Instant,
    /// Whether an origin that did not answer until then counts as failing.
    is_fair: bool,
}

impl Patience {
    /// As long as the step may take.
    pub(crate) fn of_step(timeout: Duration) -> Self {
        Self { until: Instant::now() + timeout, is_fair: true }
    }

    /// As long as a guest says: it may be so short that every origin fails.
    pub(crate) fn of_guest(timeout: Duration) -> Self {
        Self { until: Instant::now() + timeout, is_fair: timeout >= SHORTEST_FAIR }
    }

    /// What it says of an origin that it did not answer in time.
    fn verdict(self) -> Verdict {
        if self.is_fair { Verdict::Badly } else { Verdict::Unknown }
    }
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
    /// Makes a call and reads what came back, as long as there is patience. Dropping it hangs up.
    pub(crate) async fn call(
        &self,
        request: HttpRequest,
        patience: Patience,
        wanted: impl Fn(u16) -> Wanted,
    ) -> Result<Answered, Unanswered> {
        let outbound = &self.shared.outbound;
        let secrets = self.secrets(&request)?;
        let permitted = outbound.permit(self.grants(), request)?;
        let passed = self.admitted(&permitted, patience).await?;
        let answering = self.send(permitted, &secrets, wanted);
        let answered = match timeout_at(patience.until, answering).await {
            Ok(answered) => answered,
            Err(_elapsed) => Err(Unanswered::TimedOut),
        };
        passed.conclude(verdict(&answered, patience)).await;
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
    async fn admitted(&self, call: &Call, patience: Patience) -> Result<Passed, Unanswered> {
        let deadline = patience.until;
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
                Ok(Passed { shared: Arc::clone(shared), pass: Some(pass), patience })
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
        if !revealed.is_empty() {
            call.want_plain();
        }
        let mut answer = self.shared.outbound.send(self.claim.tenant(), call).await?;
        if !revealed.is_empty() && !answer.is_plain() {
            let why = "it is encoded, so secrets in it could not be hidden";
            return Err(Error::Failed(why.to_owned()).into());
        }
        let wanted = wanted(answer.status);
        let body = match wanted {
            Wanted::Whole(most) => answer.body(most).await?,
            Wanted::Beginning(most) => answer.beginning(most).await.unwrap_or_default(),
        };
        let (status, headers) = (answer.status, answer.headers);
        Ok(revealed.hide(Answered { status, headers, body }, wanted).await?)
    }

    /// Puts the values of secrets into the call. What it answers hides every secret that is granted toward its origin: what an
    /// earlier call took there can come back with this one.
    async fn reveal(&self, call: &mut Call, used: &[Name]) -> Result<Revealed, Error> {
        let granted = self.grants().secrets.iter().filter(|secret| secret.covers(call.origin()));
        let names: Vec<Name> = granted.map(|secret| secret.name.clone()).collect();
        let mut revealed = Revealed::default();
        if names.is_empty() {
            return Ok(revealed);
        }
        let found = self.shared.store.find_secrets(self.claim.tenant(), &names).await;
        let mut found = found.map_err(unreadable)?;
        for name in &names {
            let placeholder = self.placeholders.of(name);
            match (found.remove(name.as_str()), used.contains(name)) {
                (Some(Ok(value)), is_used) => {
                    if is_used {
                        call.reveal(&placeholder, &value)?;
                    }
                    revealed.add(&placeholder, &value);
                }
                (Some(Err(error)), true) => return Err(unreadable(error)),
                (None, true) => {
                    let why =
                        format!("secret `{name}` is not set; `stepcell secret set {name}` does");
                    return Err(Error::Denied(why));
                }
                // What this host cannot read it sends nowhere.
                (Some(Err(_)) | None, false) => {}
            }
        }
        Ok(revealed)
    }
}

fn unreadable(error: store::Error) -> Error {
    tracing::warn!(%error, "a secret cannot be read");
    Error::Host(error.to_string())
}

/// A call that its breaker let through. The breaker is told what came of it, also where the attempt is dropped meanwhile.
struct Passed {
    shared: Arc<Shared>,
    pass: Option<Pass>,
    patience: Patience,
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
        let is_over = Instant::now() >= self.patience.until;
        self.tell(if is_over { self.patience.verdict() } else { Verdict::Unknown });
    }
}

fn verdict(answered: &Result<Answered, Unanswered>, patience: Patience) -> Verdict {
    match answered {
        Ok(answered) if answered.status >= 500 => Verdict::Badly,
        Ok(_) | Err(Unanswered::Outbound(Error::TooLarge(_))) => Verdict::Well,
        Err(Unanswered::Outbound(
            Error::Dns(_) | Error::Connect(_) | Error::Tls(_) | Error::Failed(_),
        )) => Verdict::Badly,
        Err(Unanswered::TimedOut) => patience.verdict(),
        Err(Unanswered::Outbound(
            Error::Denied(_) | Error::RefusedAddress(_) | Error::Invalid(_) | Error::Host(_),
        ))
        | Err(Unanswered::HeldBack(..) | Unanswered::NotHeld | Unanswered::Host(_)) => {
            Verdict::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_guest_opens_no_breaker_with_a_timeout_that_nobody_can_meet() {
        let short = Duration::from_millis(1);
        let late = || Err(Unanswered::TimedOut);
        assert_eq!(verdict(&late(), Patience::of_guest(short)), Verdict::Unknown);
        assert_eq!(verdict(&late(), Patience::of_guest(SHORTEST_FAIR)), Verdict::Badly);
        assert_eq!(verdict(&late(), Patience::of_step(short)), Verdict::Badly);
    }
}
