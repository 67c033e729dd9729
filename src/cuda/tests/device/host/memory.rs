//! Memory of the device that is none: bounds are watched, and what is freed stays unusable.

use std::collections::BTreeMap;

/// Watched bytes on either side of a memory.
const GUARD: usize = 4096;
const GUARD_BYTE: u8 = 0xC7;
const FREED_BYTE: u8 = 0xDD;

struct Block {
    /// Guard, memory, guard; of 16-byte units so that the memory is aligned.
    units: Vec<u128>,
    bytes: usize,
    is_freed: bool,
}

impl Block {
    fn all(&self) -> &[u8] {
        // SAFETY: numbers are bytes, and as many as are there.
        unsafe { std::slice::from_raw_parts(self.units.as_ptr().cast(), self.units.len() * 16) }
    }

    fn start(&self) -> u64 {
        self.units.as_ptr() as u64 + GUARD as u64
    }

    fn guards_are_whole(&self) -> bool {
        let all = self.all();
        all[..GUARD].iter().chain(&all[GUARD + self.bytes..]).all(|&byte| byte == GUARD_BYTE)
    }
}

/// Every memory that ever was, by its address. Freed ones are kept, so that an address is never given out
/// twice.
#[derive(Default)]
pub struct Memory {
    blocks: BTreeMap<u64, Block>,
    junk: u8,
}

impl Memory {
    /// A memory full of junk.
    pub fn allocate(&mut self, bytes: usize) -> u64 {
        let units = (2 * GUARD + bytes).div_ceil(16);
        let mut block = Block { units: vec![0; units], bytes, is_freed: false };
        // SAFETY: numbers are bytes, and as many as are there; nobody else has them.
        let all =
            unsafe { std::slice::from_raw_parts_mut(block.units.as_mut_ptr().cast::<u8>(), units * 16) };
        all.fill(GUARD_BYTE);
        self.junk = self.junk.wrapping_mul(37).wrapping_add(101);
        all[GUARD..GUARD + bytes].fill(self.junk);
        let start = block.start();
        self.blocks.insert(start, block);
        start
    }

    /// Frees a memory; says what is wrong with that.
    pub fn free(&mut self, address: u64) -> Result<(), String> {
        let block = self.blocks.get_mut(&address).ok_or("memory is freed that never was")?;
        if std::mem::replace(&mut block.is_freed, true) {
            return Err("memory is freed twice".to_owned());
        }
        let whole = block.guards_are_whole();
        let bytes = block.bytes;
        // SAFETY: the block's own memory; nobody has it any more.
        unsafe { std::ptr::write_bytes((address as *mut u8).cast::<u8>(), FREED_BYTE, bytes) };
        if whole { Ok(()) } else { Err("something was written beside a memory".to_owned()) }
    }

    /// Says what is wrong with touching `bytes` at an address.
    pub fn touch(&self, address: u64, bytes: usize) -> Result<(), String> {
        let block = self.around(address).ok_or("no memory is there")?;
        if block.is_freed {
            return Err("memory is touched after it was freed".to_owned());
        }
        if address < block.start() || address + bytes as u64 > block.start() + block.bytes as u64 {
            return Err("more is touched than there is".to_owned());
        }
        Ok(())
    }

    /// Whether a number is the address of memory that has been freed.
    pub fn is_freed(&self, address: u64) -> bool {
        self.around(address).is_some_and(|block| block.is_freed)
    }

    fn around(&self, address: u64) -> Option<&Block> {
        let (_, block) = self.blocks.range(..=address).next_back()?;
        (address < block.start() + block.bytes as u64).then_some(block)
    }

    /// How many memories are not freed.
    pub fn alive(&self) -> usize {
        self.blocks.values().filter(|block| !block.is_freed).count()
    }

    /// Whether nothing was written beside any memory, or into one that was freed.
    pub fn is_whole(&self) -> bool {
        self.blocks.values().all(|block| {
            let inside = &block.all()[GUARD..GUARD + block.bytes];
            block.guards_are_whole() && (!block.is_freed || inside.iter().all(|&b| b == FREED_BYTE))
        })
    }
}
