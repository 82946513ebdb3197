//! Checks the routes of all triggers.

use std::collections::{BTreeMap, BTreeSet};

use super::report::report_fault;
use crate::app::{Route, RoutePath};
use crate::fault::Faults;
use crate::raw::{RawRoute, RawTrigger};
use crate::route;

/// The routes of all triggers, in the order in which the manifest lists them.
pub(super) fn routes(
    triggers: &[RawTrigger],
    ids: &BTreeSet<String>,
    faults: &Faults<'_>,
) -> Vec<Route> {
    let mut routes_by_shape: BTreeMap<String, &str> = BTreeMap::new();
    let mut routes = Vec::new();
    for trigger in triggers {
        if !ids.contains(&trigger.component.value) {
            let message = format!(
                "{:?} is not a component of this manifest",
                trigger.component.value
            );
            report_fault(faults, &trigger.component, message);
        }
        let path = match &trigger.route {
            RawRoute::Private => RoutePath::Private,
            RawRoute::Public(text) => {
                if let Err(message) = route::check(&text.value) {
                    report_fault(faults, text, message);
                } else if let Some(first) =
                    routes_by_shape.insert(route::shape(&text.value), &text.value)
                {
                    report_fault(
                        faults,
                        text,
                        format!(
                            "route {:?} matches the same requests as the route {first:?}",
                            text.value
                        ),
                    );
                }
                RoutePath::Public(text.value.clone())
            }
        };
        routes.push(Route {
            path,
            component: trigger.component.value.clone(),
        });
    }
    routes
}
