//! The denied imports of a dependency. An import is denied if the component that uses the dependency does not share this import.
//! `component.rs` renames denied imports before the composition. This module links each function of a renamed import with a
//! function that returns an error or an empty value. So a dependency never uses a grant that was not shared with it.
use std::borrow::Cow;

use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, Linker, ResourceType, Val};
use wasmtime::{Result, StoreContextMut, bail};

use super::state::HostState;

/// Prefix of the name of a denied import.
const PREFIX: &str = "denied-";

/// The names of error cases that mean "denied". If an error type contains several of these cases, the first in this list is used.
const REFUSALS: [&str; 4] = ["access-denied", "HTTP-request-denied", "undefined", "other"];

/// The name that `import` gets if it is denied.
pub(crate) fn name(import: &str) -> String {
    format!("{PREFIX}{import}")
}

/// Whether `import` has the name of a denied import.
pub(crate) fn is_denied(import: &str) -> bool {
    import.starts_with(PREFIX)
}

/// Adds a rejecting function to `linker` for each function of the denied imports of `component`.
pub(crate) fn linker<'l>(
    linker: &'l Linker<HostState>,
    component: &Component,
) -> Result<Cow<'l, Linker<HostState>>> {
    let mut linker = Cow::Borrowed(linker);
    let engine = component.engine();
    let ty = component.component_type();
    // The resources that earlier imports define. A later import may use such a resource, but does not define it again.
    let mut known: Vec<ResourceType> = Vec::new();
    for (import, item) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let denied = is_denied(import);
        for (name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::Resource(resource) if !known.contains(&resource) => {
                    known.push(resource);
                    if denied {
                        let mut instance = linker.to_mut().instance(import)?;
                        instance.resource(name, ResourceType::host::<Never>(), |_, _| Ok(()))?;
                    }
                }
                ComponentItem::ComponentFunc(_) if denied => {
                    let interface = import.strip_prefix(PREFIX).unwrap_or(import).to_owned();
                    let function = name.to_owned();
                    let mut instance = linker.to_mut().instance(import)?;
                    instance.func_new_async(name, move |store, ty, parameters, results| {
                        let (interface, function) = (interface.clone(), function.clone());
                        Box::new(async move {
                            refuse(store, &interface, &function, &ty, parameters, results).await
                        })
                    })?;
                }
                _ => {}
            }
        }
    }
    Ok(linker)
}

/// The type of a denied resource, which never has a value.
enum Never {}

async fn refuse(
    mut store: StoreContextMut<'_, HostState>,
    interface: &str,
    function: &str,
    ty: &ComponentFunc,
    parameters: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let first_text = parameters.first().and_then(|parameter| match parameter {
        Val::String(text) => Some(text.as_str()),
        _ => None,
    });
    for parameter in parameters {
        if let Val::Resource(resource) = parameter
            && resource.owned()
        {
            resource.resource_drop_async(&mut store).await?;
        }
    }
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        *result = match ty {
            // `wasi:cli/environment` and `wasi:filesystem/preopens` cannot return an error, so they return an empty list.
            Type::List(_) => Val::List(Vec::new()),
            Type::Option(_) => Val::Option(None),
            Type::Result(ty) => {
                let component = store.data().component();
                tracing::warn!(
                    component,
                    interface,
                    function,
                    "call rejected: the component does not share this interface with its dependency (inherit_configuration)"
                );
                let error = ty.err().and_then(|ty| refusal(&ty, interface, first_text));
                Val::Result(Err(error.map(Box::new)))
            }
            _ => bail!("the function {function} of {interface} is not shared with this dependency"),
        };
    }
    Ok(())
}

/// Returns the value of the error type `ty` that means "denied"; None if the type has no such value. `first_text` is the first
/// parameter of the rejected call if this parameter is a string.
fn refusal(ty: &Type, interface: &str, first_text: Option<&str>) -> Option<Val> {
    match ty {
        Type::Variant(variant) => REFUSALS.into_iter().find_map(|refusal| {
            let case = variant.cases().find(|case| case.name == refusal)?;
            let payload = case.ty.map(|_| match refusal {
                "undefined" => first_text.unwrap_or(interface).to_owned(),
                _ => format!("{interface} is not shared with this dependency"),
            });
            let payload = payload.map(|text| Box::new(Val::String(text)));
            Some(Val::Variant(refusal.to_owned(), payload))
        }),
        Type::Enum(cases) => REFUSALS.into_iter().find_map(|refusal| {
            let found = cases.names().any(|name| name == refusal);
            found.then(|| Val::Enum(refusal.to_owned()))
        }),
        _ => None,
    }
}
