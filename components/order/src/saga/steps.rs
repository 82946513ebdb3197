//! The list of an order's steps. A new step needs a file in `steps/`, a `mod` line below, and an entry in [`STEPS`].

use stoa_service::settings::Faults;

use super::plan::Plan;
use crate::domain::FailPoint;

mod charge;
mod commit;
mod extend;
mod reserve;
mod ship;

/// The steps of an order in the sequence in which they run. After the last step the order is `confirmed`.
pub const STEPS: Plan = Plan(&[
    &reserve::Reserve,
    &extend::Extend,
    &charge::Charge,
    &commit::Commit,
    &ship::Ship,
]);

/// Checks that the setting `fail_at` names a step or compensation of the saga. The component under test dies at this step or
/// compensation, so with an unknown name it would never die.
pub fn check_fail_point(point: Option<&FailPoint>) -> Result<(), Faults> {
    match point {
        Some(point) if STEPS.names().all(|name| point.step != name) => {
            let names: Vec<&str> = STEPS.names().collect();
            Err(Faults(vec![format!(
                "variable fail_at: `{}` is not a step of the saga; expected one of {}",
                point.step,
                names.join(", ")
            )]))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_names_match_those_in_stored_orders() {
        let names: Vec<_> = STEPS.names().collect();
        assert_eq!(
            names,
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
    fn a_fail_point_must_be_at_a_step_of_the_saga() {
        let check = |text: &str| check_fail_point(Some(&text.parse().unwrap()));
        for name in STEPS.names() {
            check(&format!("{name}:before")).unwrap();
        }
        check_fail_point(None).unwrap();
        let faults = check("x:after").unwrap_err().to_string();
        assert!(faults.contains("fail_at: `x`"), "{faults}");
    }
}
