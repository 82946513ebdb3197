//! The catalogue's pictures: drawn from the SKU alone, so a SKU always has the same picture.

use stoa_service::Sku;

use crate::html::Text;

/// The SKU of a file name `<sku>.svg`.
pub fn sku(file: &str) -> Option<Sku> {
    file.strip_suffix(".svg")?.parse().ok()
}

/// An SVG, 400 by 300. The SKU's digest selects shapes and colours, and the SKU is written on it.
pub fn svg(sku: &Sku) -> String {
    let sku = sku.as_str();
    // The letters before the first dash are the family, which selects the hue; the whole SKU selects the rest.
    let family = sku.split('-').next().unwrap_or(sku);
    let hue = digest(family) % 360;
    let mut bits = digest(sku);
    let mut next = |bound: u64| {
        let value = bits % bound;
        bits /= bound;
        value
    };
    let (second, turn) = ((hue + 20 + next(60)) % 360, next(90));
    let (x, y, radius) = (120 + next(160), 90 + next(90), 60 + next(50));
    let (dx, dy, side) = (60 + next(200), 60 + next(120), 70 + next(70));
    let label = Text(sku).to_string().to_uppercase();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 300\" role=\"img\" aria-label=\"{label}\">\
         <rect width=\"400\" height=\"300\" fill=\"hsl({hue} 45% 88%)\"/>\
         <circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"hsl({hue} 50% 60%)\"/>\
         <rect x=\"{dx}\" y=\"{dy}\" width=\"{side}\" height=\"{side}\" rx=\"12\" fill=\"hsl({second} 55% 45% / .75)\" \
         transform=\"rotate({turn} {dx} {dy})\"/>\
         <text x=\"20\" y=\"280\" font-family=\"system-ui, sans-serif\" font-size=\"22\" fill=\"hsl({hue} 40% 25%)\">{label}</text>\
         </svg>\n"
    )
}

/// FNV-1a, 64 bits, over the upper-case text: pictures have lower-case names.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_uppercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_skus_only() {
        assert_eq!(sku("cof-001.svg").unwrap().as_str(), "cof-001");
        for bad in ["cof-001", ".svg", "a b.svg", "<x>.svg", "../x.svg"] {
            assert_eq!(sku(bad), None, "{bad}");
        }
        assert_eq!(sku(&format!("{}.svg", "a".repeat(65))), None);
    }

    #[test]
    fn draws_the_same_for_one_sku_and_not_the_same_for_another() {
        let drawn = |sku: &str| svg(&sku.parse().unwrap());
        assert_eq!(drawn("cof-001"), drawn("COF-001"));
        assert_ne!(
            drawn("COF-001"),
            drawn("COF-002").replace("COF-002", "COF-001")
        );
    }
}
