//! A QR code as the path of an SVG: nothing is fetched, and nobody else learns what it says.

use qrcode::{Color, QrCode};
use std::fmt::Write;

/// The white border that readers need, in modules (ISO/IEC 18004).
const QUIET: usize = 4;

/// A square picture.
pub(super) struct Picture {
    /// Width and height, in modules, with the border.
    pub(super) size: usize,
    /// The dark modules, row by row.
    pub(super) path: String,
}

/// The picture of a text; `None` when it is too long for one.
pub(super) fn draw(text: &str) -> Option<Picture> {
    let code = QrCode::new(text).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, next| one == next) {
            if run.first() == Some(&Color::Dark) {
                let length = run.len();
                // Writing to a String cannot fail.
                let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET);
            }
            x += run.len();
        }
    }
    Some(Picture {
        size: width + 2 * QUIET,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dark_module_is_drawn_once() {
        let text = "otpauth://totp/Keyward:ada@example.com?secret=ABC";
        let picture = draw(text).unwrap();
        let code = QrCode::new(text).unwrap();
        assert_eq!(picture.size, code.width() + 8);
        let drawn: usize = picture
            .path
            .split('h')
            .skip(1)
            .step_by(2)
            .map(|rest| rest.split('v').next().unwrap().parse::<usize>().unwrap())
            .sum();
        let dark = code
            .to_colors()
            .iter()
            .filter(|color| **color == Color::Dark)
            .count();
        assert_eq!(drawn, dark);
        // The finder pattern's first row: seven dark modules, behind the border.
        assert!(picture.path.starts_with("M4 4h7v1h-7z"), "{}", picture.path);
    }

    #[test]
    fn what_is_too_long_has_no_picture() {
        assert!(draw(&"x".repeat(10_000)).is_none());
    }
}
