//! Whether the reporter still goes about its work.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The time of the latest sign of life, which must not lie too far back.
///
/// A report that fails is one too: to restart the reporter would not bring back the server.
pub struct Heartbeat {
    latest: Mutex<Instant>,
    limit: Duration,
}

impl Heartbeat {
    /// A heartbeat that has just beaten and has to again within `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { latest: Mutex::new(Instant::now()), limit }
    }

    /// Gives a sign of life.
    pub fn beat(&self) {
        *self.latest.lock().expect("no holder of the lock panics") = Instant::now();
    }

    /// What is wrong at a point in time, if anything.
    pub fn check(&self, now: Instant) -> Result<(), String> {
        let silence = now.saturating_duration_since(*self.latest.lock().expect("no holder of the lock panics"));
        if silence <= self.limit { Ok(()) } else { Err(format!("no report was tried for {} s", silence.as_secs())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_unhealthy_until_the_next_beat() {
        let heartbeat = Heartbeat::new(Duration::from_millis(1));
        let later = Instant::now() + Duration::from_secs(90);
        assert_eq!(heartbeat.check(later), Err("no report was tried for 90 s".to_owned()));
        let now = Instant::now();
        heartbeat.beat();
        assert_eq!(heartbeat.check(now), Ok(()));
    }
}
