// NVIDIA's decoder library for tests, `libnvcuvid.so.1`: it knows no codec. GStreamer's plugin for NVIDIA registers
// cudaupload and cudadownload only where it finds the decoder's or the encoder's library.

#define NONE(name) extern "C" __attribute__((visibility("default"))) int name() { return 801; }
NONE(cuvidCreateDecoder)
NONE(cuvidCreateVideoParser)
NONE(cuvidCtxLock)
NONE(cuvidCtxLockCreate)
NONE(cuvidCtxLockDestroy)
NONE(cuvidCtxUnlock)
NONE(cuvidDecodePicture)
NONE(cuvidDestroyDecoder)
NONE(cuvidDestroyVideoParser)
NONE(cuvidGetDecoderCaps)
NONE(cuvidMapVideoFrame64)
NONE(cuvidUnmapVideoFrame64)
NONE(cuvidMapVideoFrame)
NONE(cuvidUnmapVideoFrame)
NONE(cuvidParseVideoData)
