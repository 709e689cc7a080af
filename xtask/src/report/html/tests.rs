//! Pages of a few parts.

use super::*;
use crate::budget::history::{histories, tests::revisions};
use crate::budget::{ByteSize, Limits};
use crate::explain::{How, Kind, Part, Remark, compare};

fn explanation(name: &str, module: &str, bytes: u64) -> Explanation {
    let code = Part { version: Some("v1.2.3".into()), ..Part::leaf(Kind::Module, module, bytes, How::Pclntab) };
    let text = Part::sum(
        Kind::Section,
        ".text",
        How::Exact,
        vec![
            code,
            Part::leaf(Kind::Module, "std", 3_000_000, How::Pclntab),
            Part::leaf(Kind::Module, "tiny", 10, How::Pclntab),
            Part::leaf(Kind::Module, "tinier", 9, How::Pclntab),
        ],
    );
    let file = Part::sum(
        Kind::File,
        "/worker",
        How::Exact,
        vec![text, Part::leaf(Kind::Unattributed, "unattributed", 500_000, How::Sections)],
    );
    let own = Part::sum(Kind::Own, "own", How::Exact, vec![file]);
    let base = Part::leaf(Kind::Base, "base", 2_000_000, How::Exact);
    let whole = Part::sum(Kind::Image, format!("{name} linux/amd64"), How::Exact, vec![own, base]);
    let remarks = vec![Remark { bytes: 4_096, text: format!("{module} is large") }];
    Explanation { remarks, ..Explanation::of_part(whole) }
}

/// The page without style and script, which have files of their own.
fn body(page: &Page) -> String {
    let html = html(page);
    let (_, body) = html.split_once("<body>\n").expect("has a body");
    body.split_once("<script>").expect("has a script").0.to_owned()
}

#[test]
fn an_explanation_with_a_history() {
    let explanations = [explanation("worker", "github.com/x/y", 4_000_000)];
    let revisions = revisions(&[Some(8_000_000), Some(10_200_000), None, Some(9_000_000)]);
    let limits = Limits { unpacked: Some(ByteSize(10_000_000)), ..Limits::default() };
    let histories = histories("worker", &revisions, |_| limits);
    let page = Page { explanations: &explanations, histories: &histories, ..Page::default() };
    insta::assert_snapshot!("page_of_an_explanation", body(&page));
}

#[test]
fn a_difference() {
    let (before, after) =
        (explanation("old", "github.com/x/y", 4_000_000), explanation("new", "github.com/x/y", 4_600_000));
    let mut whole = after.whole.clone();
    whole.parts[1].bytes -= 100_000;
    whole.bytes -= 100_000;
    let change = compare(&before.whole, &whole);
    let origin = |explanation: &Explanation| Part::sum(Kind::Image, "x", How::Exact, by_origin(&explanation.whole));
    let origins = compare(&origin(&before), &origin(&after));
    let imports = [("github.com/x/y".to_owned(), Some("a imports github.com/x/y".to_owned()))].into();
    let difference = Difference {
        before: "old",
        after: "new",
        change: &change,
        in_the_large: &Some("base 0 B, own +1 B".to_owned()),
        origins: &origins,
        imports: &imports,
    };
    insta::assert_snapshot!("page_of_a_difference", body(&Page { difference: Some(difference), ..Page::default() }));
    let same = Difference { change: &compare(&whole, &whole), in_the_large: &None, ..difference };
    assert!(!body(&Page { difference: Some(same), ..Page::default() }).contains("treemap"));
}

#[test]
fn contents_are_no_markup() {
    let evil = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;";
    let explanations = [explanation(evil, evil, 4_000_000)];
    let mut revisions = revisions(&[Some(8_000_000)]);
    revisions[0].commit.as_mut().expect("is there").subject = evil.to_owned();
    let mut histories = histories("worker", &revisions, |_| Limits::default());
    histories[0].name = evil.to_owned();
    let page = Page { explanations: &explanations, histories: &histories, ..Page::default() };
    let html = html(&page);
    assert_eq!(html.matches("<script>").count(), 1, "the page's own");
    for markup in ["<img", "\"'>", "alert(1)</script>"] {
        assert!(!html.contains(markup), "{markup}");
    }
    assert!(
        html.contains("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img src=x"),
        "{html}"
    );
    assert!(html.contains("&amp;amp;"), "what looks escaped is text too");
    assert_eq!(escape("a\u{0}\u{1b}b"), "a\u{fffd}\u{fffd}b");
}

#[test]
fn a_page_needs_nothing_else() {
    let explanations = [explanation("worker", "github.com/x/y", 4_000_000)];
    let html = html(&Page { explanations: &explanations, ..Page::default() });
    assert!(html.contains("default-src 'none'"));
    for reference in ["http:", "https:", " src=", "href=", "url(", "@import", "fetch("] {
        assert!(!html.contains(reference), "{reference}");
    }
}
