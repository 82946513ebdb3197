//! Builds the guard of a dependency: a component that takes the host's place for the denied imports. A component that another host
//! runs, such as Spin, contains the guards of its dependencies. (In this runtime, `host/denied.rs` has the same task.)
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType,
    Module, TypeSection, ValType,
};
use wit_component::{
    ComponentEncoder, DecodedWasm, StringEncoding, decode, embed_component_metadata,
};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, Resolve, Type, TypeDefKind, WasmExport, WasmExportKind, World,
    WorldItem,
};

/// The names and the types of the functions in the guard's module.
const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// The address of the empty values that the guard's functions return. The memory has only zeros, and a list or an option that
/// consists of zeros is empty.
const EMPTY_VALUE: i32 = 0;

/// A guard.
pub(crate) struct Guard {
    /// The component.
    pub(crate) bytes: Vec<u8>,
    /// The names of the denied imports. The guard exports an interface with the name of each of them.
    pub(crate) interfaces: Vec<String>,
}

/// Builds the guard for the imports of `component` that `denied` selects; None if it selects no import.
///
/// A guard's function returns an empty list or an empty option if its type permits this. Every other function of the guard traps.
///
/// # Errors
/// A text with the cause if `component` is not a component.
pub(crate) fn guard(
    component: &[u8],
    denied: impl Fn(&str) -> bool,
) -> Result<Option<Guard>, String> {
    let decoded = decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(mut resolve, id) = decoded else {
        return Err("is not a component".to_owned());
    };
    // The guard's world exports the denied imports. It imports the others, because they define types that the guard's functions use.
    let mut world = resolve
        .worlds
        .get(id)
        .cloned()
        .ok_or("the component has no world")?;
    let is_denied = |key: &_| denied(&resolve.name_world_key(key));
    (world.exports, world.imports) = world
        .imports
        .into_iter()
        .partition(|(key, _)| is_denied(key));
    if world.exports.is_empty() {
        return Ok(None);
    }
    let interfaces = world.exports.keys();
    let interfaces = interfaces.map(|key| resolve.name_world_key(key)).collect();
    let mut module = module(&resolve, &world);
    let guard = resolve.worlds.alloc(world);
    embed_component_metadata(&mut module, &resolve, guard, StringEncoding::UTF8)
        .map_err(|error| format!("{error:#}"))?;
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))?;
    Ok(Some(Guard { bytes, interfaces }))
}

/// The module that implements the exports of the guard's world.
fn module(resolve: &Resolve, guard: &World) -> Vec<u8> {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    let mut add = |name: &str, parameters: Vec<ValType>, results: Vec<ValType>, body: Function| {
        let index = types.len();
        types.ty().function(parameters, results);
        functions.function(index);
        exports.export(name, ExportKind::Func, index);
        code.function(&body);
    };
    for (key, item) in &guard.exports {
        let interface = match item {
            WorldItem::Interface { id, .. } => resolve.interfaces.get(*id),
            WorldItem::Function(_) | WorldItem::Type { .. } => None,
        };
        for function in interface
            .iter()
            .flat_map(|interface| interface.functions.values())
        {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let name = WasmExport::Func {
                interface: Some(key),
                func: function,
                kind: WasmExportKind::Normal,
            };
            let mut body = Function::new([]);
            let has_empty_value = function.result.is_some_and(|ty| may_be_empty(resolve, ty));
            if signature.retptr && has_empty_value {
                body.instructions().i32_const(EMPTY_VALUE).end();
            } else {
                body.instructions().unreachable().end();
            }
            let core = |types: &[WasmType]| types.iter().map(|ty| core_type(*ty)).collect();
            add(
                &resolve.wasm_export_name(ABI, name),
                core(&signature.params),
                core(&signature.results),
                body,
            );
        }
    }
    // The host allocates strings and lists that it passes to a function. No such function returns, so the allocation may trap.
    let mut realloc = Function::new([]);
    realloc.instructions().unreachable().end();
    add(
        &resolve.wasm_export_name(ABI, WasmExport::Realloc),
        vec![ValType::I32; 4],
        vec![ValType::I32],
        realloc,
    );
    let memory = resolve.wasm_export_name(ABI, WasmExport::Memory);
    exports.export(&memory, ExportKind::Memory, 0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(1),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&memories)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// Whether a value of the type may be an empty list or an empty option.
fn may_be_empty(resolve: &Resolve, ty: Type) -> bool {
    let Type::Id(id) = ty else {
        return false;
    };
    match resolve.types.get(id).map(|ty| &ty.kind) {
        Some(TypeDefKind::List(_) | TypeDefKind::Option(_)) => true,
        Some(TypeDefKind::Type(other)) => may_be_empty(resolve, *other),
        _ => false,
    }
}

fn core_type(ty: WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}
