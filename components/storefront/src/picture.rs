//! Draws the catalogue's pictures. A picture depends only on the SKU, so a SKU always has the same picture.

use stoa_service::Sku;

use crate::html::HtmlText;

/// Returns the SKU of a file name `<sku>.svg`; `None` for any other file name.
pub fn sku_from_file_name(file: &str) -> Option<Sku> {
    file.strip_suffix(".svg")?.parse().ok()
}

/// Draws an SVG of 400 by 300 pixels. The SKU's digest selects the shapes and colors, and the picture contains the SKU as text.
pub fn draw(sku: &Sku) -> String {
    let sku = sku.as_str();
    // The letters before the first dash are the product's family, which selects the hue. The whole SKU selects all other values.
    let family = sku.split('-').next().unwrap_or(sku);
    let hue = digest(family) % 360;
    let mut bits = digest(sku);
    let mut next = |bound: u64| {
        let value = bits % bound;
        bits /= bound;
        value
    };
    let (second_hue, angle) = ((hue + 20 + next(60)) % 360, next(90));
    let (x, y, radius) = (120 + next(160), 90 + next(90), 60 + next(50));
    let (dx, dy, size) = (60 + next(200), 60 + next(120), 70 + next(70));
    let label = HtmlText(sku).to_string().to_uppercase();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 300\" role=\"img\" aria-label=\"{label}\">\
         <rect width=\"400\" height=\"300\" fill=\"hsl({hue} 45% 88%)\"/>\
         <circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"hsl({hue} 50% 60%)\"/>\
         <rect x=\"{dx}\" y=\"{dy}\" width=\"{size}\" height=\"{size}\" rx=\"12\" fill=\"hsl({second_hue} 55% 45% / .75)\" \
         transform=\"rotate({angle} {dx} {dy})\"/>\
         <text x=\"20\" y=\"280\" font-family=\"system-ui, sans-serif\" font-size=\"22\" fill=\"hsl({hue} 40% 25%)\">{label}</text>\
         </svg>\n"
    )
}

/// Returns the FNV-1a digest (64 bits) of the text in upper case, because the names of pictures are in lower case.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_uppercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_sku_only_from_a_valid_file_name() {
        assert_eq!(
            sku_from_file_name("cof-001.svg").unwrap().as_str(),
            "cof-001"
        );
        for bad in ["cof-001", ".svg", "a b.svg", "<x>.svg", "../x.svg"] {
            assert_eq!(sku_from_file_name(bad), None, "{bad}");
        }
        assert_eq!(sku_from_file_name(&format!("{}.svg", "a".repeat(65))), None);
    }

    #[test]
    fn a_sku_always_has_the_same_picture_and_another_sku_has_a_different_one() {
        let picture = |sku: &str| draw(&sku.parse().unwrap());
        assert_eq!(picture("cof-001"), picture("COF-001"));
        assert_ne!(
            picture("COF-001"),
            picture("COF-002").replace("COF-002", "COF-001")
        );
    }
}
