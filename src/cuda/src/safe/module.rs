//! Loaded kernels, and launching them.

use std::sync::Arc;

use super::context::Context;
use super::counters::Counters;
use super::stream::Work;
use crate::kernels::{Arguments, Kernel, SOURCES, Source};
use crate::result::{Compiler, CudaError};
use crate::sys::{Dim3, RawFunction, RawModule};

struct Module {
    context: Context,
    raw: RawModule,
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Ok(_entered) = self.context.enter() {
            // SAFETY: loaded by us, and the last who had it lets go of it. Work that runs its kernels held a
            // clone.
            let _ = unsafe { self.context.driver().module_unload(self.raw) };
        }
    }
}

struct Loaded {
    context: Context,
    /// By [`Kernel`]'s number.
    functions: [RawFunction; Kernel::ALL.len()],
    _modules: Vec<Module>,
}

/// Every kernel, loaded in a context. Cheap to clone.
#[derive(Clone)]
pub struct Kernels {
    loaded: Arc<Loaded>,
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernels({:?})", self.loaded.context)
    }
}

impl Kernels {
    /// Compiles what is not cached for the context's device, and loads it.
    ///
    /// # Errors
    ///
    /// [`CudaError::Compile`], [`CudaError::Off`] where a compiler is needed and missing,
    /// [`CudaError::Driver`].
    pub fn load(context: &Context, compiler: &Compiler) -> Result<Self, CudaError> {
        let arch = context.device().arch();
        let compile = |source: &Source| {
            compiler.compile(source, arch, Some(context.driver_major())).map(|cubin| cubin.image)
        };
        // SAFETY: the images are compiled of the very sources.
        unsafe { Self::from_images(context, compile) }
    }

    /// Loads an image for each source.
    ///
    /// # Errors
    ///
    /// Those of `image_of`, [`CudaError::Driver`].
    ///
    /// # Safety
    ///
    /// An image is the source compiled for the context's device.
    pub unsafe fn from_images(
        context: &Context,
        mut image_of: impl FnMut(&Source) -> Result<Vec<u8>, CudaError>,
    ) -> Result<Self, CudaError> {
        let driver = context.driver();
        let mut functions = [RawFunction(0); Kernel::ALL.len()];
        let mut modules = Vec::new();
        for source in &SOURCES {
            let image = image_of(source)?;
            let _entered = context.enter()?;
            // SAFETY: the context is current, and the caller gives a whole image.
            let raw = context.check("cuModuleLoadData", unsafe { driver.module_load(&image) })?;
            modules.push(Module { context: context.clone(), raw });
            for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.source() == source.name) {
                // SAFETY: the module was loaded just now.
                let function = unsafe { driver.module_function(raw, kernel.name()) };
                let function = context.check("cuModuleGetFunction", function)?;
                if let Some(slot) = functions.get_mut(kernel as usize) {
                    *slot = function;
                }
            }
        }
        Ok(Self { loaded: Arc::new(Loaded { context: context.clone(), functions, _modules: modules }) })
    }

    /// The context they are loaded in.
    pub fn context(&self) -> &Context {
        &self.loaded.context
    }
}

/// How many threads a launch has: blocks, and threads in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Blocks along each axis.
    pub grid: Dim3,
    /// Threads of a block along each axis.
    pub block: Dim3,
}

impl Launch {
    /// At least a thread for each of `width` × `height` items, in blocks of 32×8.
    pub fn cover(width: u32, height: u32) -> Self {
        Self { grid: [width.div_ceil(32), height.div_ceil(8), 1], block: [32, 8, 1] }
    }

    /// `blocks` blocks of 256 threads.
    pub fn blocks(blocks: u32) -> Self {
        Self { grid: [blocks, 1, 1], block: [256, 1, 1] }
    }
}

impl Work<'_> {
    /// Launches a kernel.
    ///
    /// # Errors
    ///
    /// [`CudaError::OtherContext`], [`CudaError::Driver`].
    ///
    /// # Safety
    ///
    /// The memory that `arguments` name is as large as the kernel takes it to be, and is held by this work.
    pub(crate) unsafe fn launch<A: Arguments>(
        &mut self,
        kernels: &Kernels,
        shape: Launch,
        arguments: &A,
    ) -> Result<(), CudaError> {
        let context = self.context().clone();
        if *kernels.context() != context {
            return Err(CudaError::OtherContext);
        }
        if shape.grid.contains(&0) {
            return Ok(());
        }
        let Some(function) = kernels.loaded.functions.get(A::KERNEL as usize).copied() else {
            return Ok(());
        };
        self.hold(kernels.clone());
        // SAFETY: `A` is plain numbers without padding, as `Arguments` promises.
        let bytes = unsafe {
            std::slice::from_raw_parts(std::ptr::from_ref(arguments).cast::<u8>(), std::mem::size_of::<A>())
        };
        Counters::add(&context.count().launches, 1);
        let _entered = context.enter()?;
        // SAFETY: the structure is the one that the kernel declares (`Arguments`), the rest is the caller's
        // promise.
        let launched =
            unsafe { context.driver().launch(function, shape.grid, shape.block, bytes, self.stream().raw()) };
        context.check("cuLaunchKernel", launched)
    }
}
