//! Areas to rectangles that are as square as they can be (Bruls, Huizing and van Wijk, "Squarified treemaps").

/// A place in a box, in parts of its width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Divides a box among areas, the largest first; `aspect` is its width by its height. Each gets its part of the box
/// exactly.
pub(super) fn squarify(areas: &[u128], aspect: f64) -> Vec<Place> {
    let sum: u128 = areas.iter().sum();
    if sum == 0 {
        return Vec::new();
    }
    // The box is as wide as its aspect and one high; areas are scaled to fill it.
    let scaled: Vec<f64> = areas.iter().map(|area| number(*area) / number(sum) * aspect).collect();
    let mut places = Vec::new();
    let mut free = Place { left: 0.0, top: 0.0, width: aspect, height: 1.0 };
    let mut rest = scaled.as_slice();
    while !rest.is_empty() {
        let side = free.width.min(free.height);
        let mut taken = 1;
        while taken < rest.len() && worst(&rest[..=taken], side) <= worst(&rest[..taken], side) {
            taken += 1;
        }
        let (row, after) = rest.split_at(taken);
        free = place_row(row, free, &mut places);
        rest = after;
    }
    places.iter().map(|place| Place { left: place.left / aspect, width: place.width / aspect, ..*place }).collect()
}

/// Puts a row along the shorter side of what is free, and returns what remains free.
fn place_row(row: &[f64], free: Place, places: &mut Vec<Place>) -> Place {
    let sum: f64 = row.iter().sum();
    let is_column = free.width >= free.height;
    let side = if is_column { free.height } else { free.width };
    let thickness = if side > 0.0 { sum / side } else { 0.0 };
    let mut along = 0.0;
    for area in row {
        let length = if sum > 0.0 { area / sum * side } else { 0.0 };
        places.push(if is_column {
            Place { left: free.left, top: free.top + along, width: thickness, height: length }
        } else {
            Place { left: free.left + along, top: free.top, width: length, height: thickness }
        });
        along += length;
    }
    if is_column {
        Place { left: free.left + thickness, width: (free.width - thickness).max(0.0), ..free }
    } else {
        Place { top: free.top + thickness, height: (free.height - thickness).max(0.0), ..free }
    }
}

/// How far from a square the worst of a row is.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let thickness = sum / side;
    let ratio = |area: &f64| {
        let length = area / thickness;
        (length / thickness).max(thickness / length)
    };
    row.iter().map(ratio).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "only for the eye")]
fn number(area: u128) -> f64 {
    area as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_paper() {
        let places = squarify(&[6, 6, 4, 3, 2, 2, 1], 1.5);
        let shown = places.iter().map(|place| format!("{:.2}x{:.2}", place.width * 6.0, place.height * 4.0));
        assert_eq!(
            shown.collect::<Vec<_>>(),
            ["3.00x2.00", "3.00x2.00", "1.71x2.33", "1.29x2.33", "1.20x1.67", "1.20x1.67", "0.60x1.67"]
        );
        assert_eq!(squarify(&[], 1.0), []);
        assert_eq!(squarify(&[0], 1.0), []);
    }

    proptest! {
        #[test]
        fn everything_has_its_part_and_lies_in_the_box(
            mut areas in prop::collection::vec(1..1_000_000_u128, 1..60),
            aspect in 0.2..5.0_f64,
        ) {
            areas.sort_unstable_by(|a, b| b.cmp(a));
            let sum: u128 = areas.iter().sum();
            let places = squarify(&areas, aspect);
            prop_assert_eq!(places.len(), areas.len());
            for (place, area) in places.iter().zip(&areas) {
                prop_assert!((place.width * place.height - number(*area) / number(sum)).abs() < 1e-9);
                prop_assert!(place.left >= -1e-9 && place.left + place.width <= 1.0 + 1e-9);
                prop_assert!(place.top >= -1e-9 && place.top + place.height <= 1.0 + 1e-9);
            }
            for (index, a) in places.iter().enumerate() {
                for b in &places[index + 1..] {
                    let beside = a.left + a.width <= b.left + 1e-9 || b.left + b.width <= a.left + 1e-9;
                    let below = a.top + a.height <= b.top + 1e-9 || b.top + b.height <= a.top + 1e-9;
                    prop_assert!(beside || below, "{:?} {:?}", a, b);
                }
            }
        }
    }
}
