//! What the lock file said of an image from commit to commit. Pure.

use super::lock::{LockedImage, SizesLock};
use super::{Limits, Measure};

/// The lock file as a commit left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The commit; none for a file that is not committed yet.
    pub commit: Option<Commit>,
    /// What it holds.
    pub lock: SizesLock,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its full hash.
    pub hash: String,
    /// The day on which it was made, as `2026-01-31`.
    pub date: String,
    /// The first line of its message.
    pub subject: String,
}

/// The sizes of an image for one platform, from commit to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The image's name.
    pub name: String,
    /// Its platform, as `linux/amd64`.
    pub platform: String,
    /// What it may weigh now.
    pub limits: Limits,
    /// Where its sizes changed, the oldest first.
    pub points: Vec<Point>,
}

/// A commit that changed an image's sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The commit; none where it is not committed yet.
    pub commit: Option<Commit>,
    /// The image from then on; none where the lock lost it.
    pub image: Option<LockedImage>,
    /// The measures of which it was within today's budget before, or not there, and is over since.
    pub crossed: Vec<Measure>,
}

impl History {
    /// The unpacked bytes of every point that has some, the oldest first.
    pub fn unpacked(&self) -> Vec<u64> {
        self.points.iter().filter_map(|point| point.image.as_ref()).map(|image| image.unpacked).collect()
    }
}

/// The histories of an image, by platform. `revisions` are the oldest first; `limits` says what a platform may weigh.
pub fn histories(name: &str, revisions: &[Revision], limits: impl Fn(&str) -> Limits) -> Vec<History> {
    let images = revisions.iter().flat_map(|revision| revision.lock.images());
    let mut platforms: Vec<_> =
        images.filter(|image| image.name == name).map(|image| image.platform.as_str()).collect();
    platforms.sort_unstable();
    platforms.dedup();
    platforms.into_iter().map(|platform| history(name, platform, revisions, limits(platform))).collect()
}

fn history(name: &str, platform: &str, revisions: &[Revision], limits: Limits) -> History {
    let mut points: Vec<Point> = Vec::new();
    let mut before: Option<&LockedImage> = None;
    for revision in revisions {
        let now = revision.lock.image(name, platform);
        let sizes = |image: Option<&LockedImage>| image.map(|image| (image.unpacked, image.own, image.transfer));
        if sizes(now) != sizes(before) {
            let over_before = before.map(|image| over(image, limits)).unwrap_or_default();
            let mut crossed = now.map(|image| over(image, limits)).unwrap_or_default();
            crossed.retain(|measure| !over_before.contains(measure));
            points.push(Point { commit: revision.commit.clone(), image: now.cloned(), crossed });
        }
        before = now;
    }
    History { name: name.to_owned(), platform: platform.to_owned(), limits, points }
}

/// The measures of which an image has more than it may.
fn over(image: &LockedImage, limits: Limits) -> Vec<Measure> {
    let measures = [
        (Measure::Unpacked, Some(image.unpacked), limits.unpacked),
        (Measure::Own, Some(image.own), limits.own),
        (Measure::Transfer, image.transfer, limits.transfer),
    ];
    let is_over = |(measure, bytes, limit): (Measure, Option<u64>, Option<super::ByteSize>)| {
        (bytes? > limit?.0).then_some(measure)
    };
    measures.into_iter().filter_map(is_over).collect()
}

/// A row of bars, as high as the numbers: the least is the lowest, the largest the highest.
pub fn sparkline(numbers: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let least = numbers.iter().min().copied().unwrap_or_default();
    let range = numbers.iter().max().copied().unwrap_or_default() - least;
    let height = |number: &u64| u128::from(number - least) * 7 / u128::from(range.max(1));
    numbers.iter().map(|number| BARS[usize::try_from(height(number)).unwrap_or(7)]).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::budget::ByteSize;

    /// A history of these unpacked bytes, half of them own; none is a commit without the image.
    pub(crate) fn revisions(sizes: &[Option<u64>]) -> Vec<Revision> {
        let revision = |(index, unpacked): (usize, &Option<u64>)| {
            let image = unpacked.map(|unpacked| LockedImage {
                name: "worker".into(),
                platform: "linux/amd64".into(),
                unpacked,
                own: unpacked / 2,
                transfer: None,
                compressor: None,
                base: "distroless".into(),
                base_layers: "sha256:a".into(),
                toolchain: format!("golang:1.{index}"),
                compiler: None,
                toolchain_bytes: None,
                flags: None,
            });
            let commit = Commit {
                hash: format!("{index:040}"),
                date: format!("2026-01-{:02}", index + 1),
                subject: format!("Change number {index}"),
            };
            Revision { commit: Some(commit), lock: SizesLock::new(image.into_iter().collect()) }
        };
        sizes.iter().enumerate().map(revision).collect()
    }

    #[test]
    fn only_commits_that_changed_the_size_are_points() {
        let revisions = revisions(&[Some(100), Some(100), Some(121), Some(119), None, None, Some(200)]);
        let limits = Limits { unpacked: Some(ByteSize(120)), own: Some(ByteSize(99)), ..Limits::default() };
        let histories = histories("worker", &revisions, |_| limits);
        let points = &histories[0].points;
        let dates: Vec<_> = points.iter().flat_map(|point| &point.commit).map(|commit| &commit.date[8..]).collect();
        assert_eq!(dates, ["01", "03", "04", "05", "07"]);
        let crossed: Vec<_> = points.iter().map(|point| point.crossed.as_slice()).collect();
        let both = [Measure::Unpacked, Measure::Own];
        assert_eq!(crossed, [&[], &[Measure::Unpacked][..], &[], &[], &both]);
        assert_eq!(histories[0].unpacked(), [100, 121, 119, 200]);
        assert_eq!(super::histories("other", &revisions, |_| limits), []);
    }

    #[test]
    fn bars_are_as_high_as_the_numbers() {
        assert_eq!(sparkline(&[1, 2, 3, 4, 5, 6, 7, 8]), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[u64::MAX, 0, u64::MAX / 2]), "█▁▄");
        assert_eq!((sparkline(&[5, 5]).as_str(), sparkline(&[]).as_str()), ("▁▁", ""));
    }
}
