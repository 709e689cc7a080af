/// Returns once the process is asked to stop: by SIGTERM, as container engines do, or by Ctrl-C. Process 1 of a
/// container has to listen to both, as the kernel ends it for neither.
///
/// # Panics
/// If the signals cannot be listened to, or outside of a Tokio runtime.
#[cfg(unix)]
pub async fn shutdown() {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be listened to");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be listened to");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Returns once the process is asked to stop, by Ctrl-C.
///
/// # Panics
/// If Ctrl-C cannot be listened to, or outside of a Tokio runtime.
#[cfg(not(unix))]
pub async fn shutdown() {
    tokio::signal::ctrl_c().await.expect("Ctrl-C can be listened to");
}
