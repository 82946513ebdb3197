//! The steps of an order, in order. A new step is a file here and a line in each of the two lists below.

use stoa_service::settings::Faults;

use super::plan::Plan;
use crate::domain::FailPoint;

mod charge;
mod commit;
mod extend;
mod reserve;
mod ship;

/// From `reserving` to `shipping`; after the last step the order is `confirmed`.
pub const STEPS: Plan = Plan(&[
    &reserve::Reserve,
    &extend::Extend,
    &charge::Charge,
    &commit::Commit,
    &ship::Ship,
]);

/// Checks that the saga has the step of the setting `fail_at`: otherwise the component of a test would never die.
pub fn check_fail_point(point: Option<&FailPoint>) -> Result<(), Faults> {
    match point {
        Some(point) if STEPS.words().all(|word| point.step != word) => {
            let words: Vec<&str> = STEPS.words().collect();
            Err(Faults(vec![format!(
                "variable fail_at: `{}` is not one of {}",
                point.step,
                words.join(", ")
            )]))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_stored_orders() {
        let words: Vec<_> = STEPS.words().collect();
        assert_eq!(
            words,
            [
                "reserving",
                "releasing",
                "extending",
                "charging",
                "refunding",
                "committing",
                "shipping",
                "cancelling_shipment"
            ]
        );
    }

    #[test]
    fn a_fail_point_is_at_a_step_of_the_saga() {
        let check = |text: &str| check_fail_point(Some(&text.parse().unwrap()));
        for word in STEPS.words() {
            check(&format!("{word}:before")).unwrap();
        }
        check_fail_point(None).unwrap();
        let faults = check("x:after").unwrap_err().to_string();
        assert!(faults.contains("fail_at: `x`"), "{faults}");
    }
}
