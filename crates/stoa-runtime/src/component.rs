//! Prepares a .wasm file for composition. A module becomes a component, and a dependency loses the imports that its
//! user does not share.
use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as WASI_0_1,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasm_encoder::reencode::{ReencodeComponent, RoundtripReencoder};
use wasm_encoder::{Component, ComponentExternName, ComponentImportSection, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::host::denied;

/// Custom sections with this prefix hold a module's interfaces, which are needed to make a component from it.
const INTERFACES: &str = "component-type";

/// The component in the file `bytes`.
///
/// # Errors
/// A sentence that describes the fault of the file.
pub(crate) fn from_file(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let component = if Parser::is_component(bytes) {
        Cow::Borrowed(bytes)
    } else if Parser::is_core_wasm(bytes) {
        Cow::Owned(from_module(bytes)?)
    } else {
        return Err("is not a WebAssembly component".to_owned());
    };
    if let Some(name) = wasi_0_3(&component)? {
        return Err(format!(
            "is built for WASI 0.3 ({name}); this runtime and SpinKube's shim run WASI 0.2: build it with spin-sdk 5.2"
        ));
    }
    Ok(component)
}

/// Adapts a module for wasm32-wasip1, as Spin does.
fn from_module(module: &[u8]) -> Result<Vec<u8>, String> {
    let refused = |why: String| {
        format!("is a module, not a component, and {why}; build it for wasm32-wasip2")
    };
    let mut has_interfaces = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| refused(format!("cannot be read: {error}")))?;
        if let Payload::CustomSection(section) = payload {
            has_interfaces |= section.name().starts_with(INTERFACES);
        }
    }
    if !has_interfaces {
        return Err(refused(
            "does not have the interfaces that one is made from".to_owned(),
        ));
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.adapter(WASI_0_1, ADAPTER))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| refused(format!("cannot be made into one: {error:#}")))
}

/// An interface of WASI 0.3 that the component imports or exports.
fn wasi_0_3(component: &[u8]) -> Result<Option<String>, String> {
    let is_0_3 = |name: &str| name.starts_with("wasi:") && name.contains("@0.3.");
    for payload in top_level(component) {
        let found = match payload? {
            Payload::ComponentImportSection(imports) => imports
                .into_iter()
                .filter_map(|import| Some(import.ok()?.name.name))
                .find(|name| is_0_3(name)),
            Payload::ComponentExportSection(exports) => exports
                .into_iter()
                .filter_map(|export| Some(export.ok()?.name.name))
                .find(|name| is_0_3(name)),
            _ => None,
        };
        if found.is_some() {
            return Ok(found.map(str::to_owned));
        }
    }
    Ok(None)
}

/// Renames the imports of `component` that `denied` selects. The host rejects each call to the new names.
///
/// # Errors
/// If it is not a component.
pub(crate) fn isolate(component: &[u8], denied: impl Fn(&str) -> bool) -> Result<Vec<u8>, String> {
    let mut isolated = Component::new();
    for payload in top_level(component) {
        let payload = payload?;
        if let Payload::ComponentImportSection(imports) = payload {
            let mut section = ComponentImportSection::new();
            for import in imports {
                let import = import.map_err(|error| error.to_string())?;
                let ty = RoundtripReencoder
                    .component_type_ref(import.ty)
                    .map_err(|error| error.to_string())?;
                let mut name = ComponentExternName::from(import.name);
                if denied(import.name.name) {
                    name.name = denied::name(import.name.name).into();
                }
                section.import(name, ty);
            }
            isolated.section(&section);
        } else if let Some((id, range)) = payload.as_section() {
            let data = component.get(range).ok_or("ends within a section")?;
            isolated.section(&RawSection { id, data });
        }
    }
    Ok(isolated.finish())
}

/// The sections of a component itself, without those of the modules and components inside.
fn top_level(component: &[u8]) -> impl Iterator<Item = Result<Payload<'_>, String>> {
    let mut depth = 0_u32;
    Parser::new(0)
        .parse_all(component)
        .filter_map(move |payload| {
            match &payload {
                Ok(Payload::Version { .. }) => depth += 1,
                Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
                Ok(_) if depth > 1 => {}
                _ => return Some(payload.map_err(|error| error.to_string())),
            }
            None
        })
}
