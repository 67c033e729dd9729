//! The widest instructions that the processor has, for loops over pixels.

/// Does `work` with AVX2 where the processor has it, with what every processor of its kind has elsewhere; the results are the same.
///
/// What `work` calls is compiled for AVX2 too where it is inlined into it, and in no other case: mark it `#[inline]`.
#[inline]
pub fn with_wide_instructions<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, which has just been asked.
            #[allow(unsafe_code)]
            return unsafe { with_avx2(work) };
        }
    }
    work()
}
