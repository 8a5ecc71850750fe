//! Bar charts. The scale is logarithmic if values differ by more than a factor of a hundred.

use std::error::Error;
use std::path::Path;

use plotters::prelude::{
    Color, IntoDrawingArea, IntoFont, RGBColor, Rectangle, SVGBackend, ShapeStyle, Text, TextStyle,
};

const WIDTH: u32 = 760;
const BAR: i32 = 22;
const LEFT: i32 = 330;
const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OTHERS: RGBColor = RGBColor(0xb0, 0xb0, 0xb0);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);

/// Draws a bar for each value; the bars of flagkit are blue.
///
/// # Errors
///
/// Returns an error if the file cannot be written.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // pixels
pub fn bars(path: &Path, title: &str, unit: &str, values: &[(String, f64)]) -> Result<(), Box<dyn Error>> {
    let height = 40 + BAR * i32::try_from(values.len())?;
    let area = SVGBackend::new(path, (WIDTH, height.unsigned_abs())).into_drawing_area();
    area.fill(&RGBColor(0xff, 0xff, 0xff))?;
    let font = |size: f64| TextStyle::from(("sans-serif", size).into_font()).color(&INK);
    let most = values.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let least = values.iter().map(|(_, value)| *value).fold(most, f64::min);
    let is_logarithmic = most / least > 100.0;
    let note = if is_logarithmic { " (logarithmic)" } else { "" };
    area.draw(&Text::new(title.replace('`', "") + note, (10, 8), font(16.0)))?;
    // The smallest value has a bar, too.
    let part =
        |value: f64| if is_logarithmic { (value / least * 2.0).ln() / (most / least * 2.0).ln() } else { value / most };
    let room = f64::from(WIDTH) - f64::from(LEFT) - 90.0;
    for (row, (name, value)) in (0..).zip(values) {
        let top = 36 + BAR * row;
        let end = LEFT + ((part(*value) * room) as i32).max(1);
        let is_ours =
            ["flagkit", "pinned", "handle", "`flag!`", "`variant!`"].iter().any(|start| name.starts_with(start));
        let colour = if is_ours { OURS } else { OTHERS };
        area.draw(&Text::new(name.replace('`', ""), (10, top + 2), font(12.0)))?;
        area.draw(&Rectangle::new([(LEFT, top), (end, top + BAR - 6)], ShapeStyle::from(&colour.to_rgba()).filled()))?;
        area.draw(&Text::new(format!("{value:.2} {unit}"), (end + 6, top + 2), font(12.0)))?;
    }
    area.present()?;
    Ok(())
}
