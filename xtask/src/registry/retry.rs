//! When something is tried again.

use std::time::{Duration, SystemTime};

/// How often a thing is tried.
const TRIES: u32 = 4;

/// The longest pause before the next try, whatever a registry asks for.
const LONGEST: Duration = Duration::from_secs(30);

/// Why a try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The registry answered with this status.
    Status(u16),
    /// There was no connection, or it was cut.
    Connection,
    /// It does not answer, and will not the next time: there is no such host, or it was tried often enough.
    Silence,
    /// What will be the same the next time.
    Lasting,
}

impl Cause {
    /// Whether the next try may go well.
    fn may_pass(self) -> bool {
        match self {
            Self::Status(status) => status == 429 || status >= 500,
            Self::Connection => true,
            Self::Silence | Self::Lasting => false,
        }
    }

    /// Whether the registry has said nothing on what it was asked.
    pub(super) fn is_silence(self) -> bool {
        self == Self::Silence || self.may_pass()
    }

    /// The same, as the last word on it.
    pub(super) fn lasting(self) -> Self {
        if self.is_silence() { Self::Silence } else { Self::Lasting }
    }
}

/// How long a registry asks to wait by `Retry-After`: seconds, or the time of a later try.
pub(super) fn after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).ok(),
    }
}

/// How long to wait before the next try, after so many; `None` where there should be none.
pub(super) fn pause(tries: u32, cause: Cause, retry_after: Option<Duration>) -> Option<Duration> {
    let doubled = Duration::from_secs(1 << tries.clamp(1, TRIES).saturating_sub(1));
    (cause.may_pass() && tries < TRIES).then(|| doubled.max(retry_after.unwrap_or_default()).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(cause: Cause, retry_after: Option<u64>) -> Vec<u64> {
        let pauses = (1..).map_while(|tries| pause(tries, cause, retry_after.map(Duration::from_secs)));
        pauses.map(|pause| pause.as_secs()).collect()
    }

    #[test]
    fn what_may_pass_is_tried_four_times_with_longer_and_longer_pauses() {
        for cause in [Cause::Status(429), Cause::Status(500), Cause::Status(503), Cause::Connection] {
            assert_eq!(pauses(cause, None), [1, 2, 4]);
        }
    }

    #[test]
    fn a_registry_asks_for_seconds_or_names_a_time() {
        // Sun, 06 Nov 1994 08:49:30 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (value, expected) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:29 GMT", None),
            ("-7", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(after(value, now).map(|pause| pause.as_secs()), expected, "{value}");
        }
    }

    #[test]
    fn what_stays_the_same_is_tried_once() {
        for cause in [400, 401, 403, 404, 413].map(Cause::Status).into_iter().chain([Cause::Silence, Cause::Lasting]) {
            assert_eq!(pauses(cause, Some(1)), [0; 0]);
        }
    }

    #[test]
    fn a_refusal_is_an_answer_and_a_failure_is_none() {
        let silence = [Cause::Status(429), Cause::Status(502), Cause::Connection, Cause::Silence];
        for (causes, expected) in [(silence.as_slice(), true), (&[Cause::Status(401), Cause::Lasting], false)] {
            for cause in causes {
                assert_eq!((cause.is_silence(), cause.lasting().is_silence()), (expected, expected), "{cause:?}");
                assert_eq!(pauses(cause.lasting(), None), [0; 0]);
            }
        }
    }

    #[test]
    fn a_registry_may_ask_for_more_but_not_for_hours() {
        assert_eq!(pauses(Cause::Status(429), Some(3)), [3, 3, 4]);
        assert_eq!(pauses(Cause::Status(503), Some(u64::MAX)), [30, 30, 30]);
        assert_eq!(pauses(Cause::Status(503), Some(0)), [1, 2, 4]);
    }
}
