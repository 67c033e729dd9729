// A CUDA driver for tests, on the processor: `libcuda.so.1` for a process that has no GPU.
//
// GStreamer's CUDA library, its elements cudaupload and cudadownload, cudarc and vesalius-cuda load it as they load
// NVIDIA's. It knows one device of compute capability 9.0. Its memory is the computer's. Kernels are those of
// vesalius-cuda, compiled by g++ into libraries in the folder VESALIUS_TEST_KERNELS; an image that is loaded only has to
// be a cubin, and a function is found by its name.
//
// Work is done as late as the driver's rules allow: a queue stands still until somebody waits for it or asks twice
// whether it has passed. Who forgets to wait reads what was there before, and new memory holds 0xCD. What is done in
// the wrong context, with a handle that is none, or outside a memory is an error, and an error that NVIDIA's driver
// would not survive ends the process.
//
// VESALIUS_TEST_BLIND: the computer does not see the device's memory, as with NVIDIA's driver.
// VESALIUS_TEST_LOSE_AT=NAME:N: launch N of kernel NAME fails as one does that loses its context.
// At its end the process writes what was copied, as JSON, to the file VESALIUS_TEST_COUNTS.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <dirent.h>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

using Result = int;
using Ptr = uint64_t;
enum : Result {
    OK = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801,
};

namespace {

struct Stream;

struct Context {
    bool is_primary;
    Stream* legacy;  // the default stream
};

// Work that has been handed in. A wait names another queue and how far that one has to be.
struct Item {
    std::function<void()> act;
    Stream* other = nullptr;
    uint64_t until = 0;
};

struct Stream {
    Context* context;
    bool is_blocking;  // it and the default stream wait for each other
    std::deque<Item> items;
    uint64_t queued = 0, done = 0;
};

struct Event {
    Context* context;
    Stream* stream = nullptr;
    uint64_t position = 0;
    bool was_asked = false;
};

struct Memory {
    size_t bytes;
    Context* context;
};

struct Module {
    Context* context;
};

struct Function {
    Module* module;
    std::string name;
    size_t bytes;
    void (*launch)(const void*, const unsigned*, const unsigned*);
};

struct World {
    std::recursive_mutex lock;
    std::map<std::string, uint64_t> launched;
    bool is_ready = false;
    std::set<Context*> contexts;
    Context* primary = nullptr;
    unsigned retained = 0;
    std::set<Stream*> streams;
    std::set<Event*> events;
    std::set<Module*> modules;
    std::set<Function*> functions;
    std::map<Ptr, Memory> memories;      // by their first address
    std::map<uintptr_t, size_t> pinned;  // page-locked memory of the host
    std::vector<void*> kernels;
    uint64_t bytes_up = 0, bytes_down = 0, bytes_across = 0, launches = 0, allocations = 0, contexts_made = 0;
};

World& world() {
    // Never destroyed: who unloads last may still call.
    static World* world = new World;
    return *world;
}

thread_local std::vector<Context*> stack;

using Lock = std::lock_guard<std::recursive_mutex>;

[[noreturn]] void fatal(const char* what) {
    fprintf(stderr, "driver of tests: %s\n", what);
    abort();
}

Context* current() {
    return stack.empty() ? nullptr : stack.back();
}

void drain(Stream* stream, uint64_t until) {
    while (stream->done < until && !stream->items.empty()) {
        Item item = std::move(stream->items.front());
        stream->items.pop_front();
        if (item.other && world().streams.count(item.other)) drain(item.other, item.until);
        if (item.act) item.act();
        stream->done++;
    }
}

void drain_all(Stream* stream) {
    drain(stream, stream->queued);
}

void push(Stream* stream, Item item) {
    stream->items.push_back(std::move(item));
    stream->queued++;
}

void wait_for(Stream* stream, Stream* other) {
    if (other->queued > other->done) push(stream, {nullptr, other, other->queued});
}

// Hands in work, behind what the rules of the default stream put before it.
void hand_in(Stream* stream, std::function<void()> act) {
    Stream* legacy = stream->context->legacy;
    if (stream == legacy) {
        for (Stream* other : world().streams)
            if (other != legacy && other->is_blocking && other->context == stream->context) wait_for(legacy, other);
    } else if (stream->is_blocking) {
        wait_for(stream, legacy);
    }
    push(stream, {std::move(act), nullptr, 0});
}

// A stream of the current context; null names its default stream.
Result find(void* handle, Stream** found) {
    if (!current()) return INVALID_CONTEXT;
    Stream* stream = (Stream*)handle;
    if (!stream || handle == (void*)1) {
        *found = current()->legacy;
        return OK;
    }
    if (!world().streams.count(stream)) return INVALID_HANDLE;
    if (stream->context != current()) return INVALID_CONTEXT;
    *found = stream;
    return OK;
}

bool is_pinned(const void* address) {
    auto after = world().pinned.upper_bound((uintptr_t)address);
    if (after == world().pinned.begin()) return false;
    --after;
    return (uintptr_t)address < after->first + after->second;
}

// Whether the bytes lie in one memory of the current context.
Result check(Ptr at, size_t bytes) {
    auto after = world().memories.upper_bound(at);
    if (after == world().memories.begin()) return INVALID_VALUE;
    --after;
    if (at + bytes > after->first + after->second.bytes) return INVALID_VALUE;
    return after->second.context == current() ? OK : INVALID_CONTEXT;
}

Context* make_context(bool is_primary) {
    Context* context = new Context{is_primary, nullptr};
    context->legacy = new Stream{context, true, {}, 0, 0};
    world().contexts.insert(context);
    world().streams.insert(context->legacy);
    world().contexts_made++;
    return context;
}

Result allocate(Ptr* out, size_t bytes) {
    if (!current()) return INVALID_CONTEXT;
    if (bytes == 0) return INVALID_VALUE;
    void* made = nullptr;
    if (posix_memalign(&made, 512, bytes)) return OUT_OF_MEMORY;
    memset(made, 0xCD, bytes);
    world().memories[(Ptr)made] = {bytes, current()};
    world().allocations++;
    *out = (Ptr)made;
    return OK;
}

void open_kernels() {
    const char* folder = getenv("VESALIUS_TEST_KERNELS");
    DIR* files = folder ? opendir(folder) : nullptr;
    if (!files) return;
    while (dirent* file = readdir(files)) {
        const std::string name = file->d_name;
        if (name.size() < 3 || name.compare(name.size() - 3, 3, ".so")) continue;
        if (void* library = dlopen((folder + ("/" + name)).c_str(), RTLD_NOW | RTLD_LOCAL))
            world().kernels.push_back(library);
    }
    closedir(files);
}

void write_counts() {
    const char* path = getenv("VESALIUS_TEST_COUNTS");
    FILE* file = path ? fopen(path, "w") : nullptr;
    if (!file) return;
    World& w = world();
    fprintf(file,
            "{\"bytes_up\": %lu, \"bytes_down\": %lu, \"bytes_across\": %lu, \"launches\": %lu, \"allocations\": %lu, "
            "\"contexts\": %lu}\n",
            w.bytes_up, w.bytes_down, w.bytes_across, w.launches, w.allocations, w.contexts_made);
    fclose(file);
}

}  // namespace

// --- the device ---------------------------------------------------------------------------------------------

API Result cuInit(unsigned) {
    Lock lock(world().lock);
    if (!world().is_ready) {
        world().is_ready = true;
        open_kernels();
        atexit(write_counts);
    }
    return OK;
}
API Result cuDriverGetVersion(int* version) {
    *version = 13000;
    return OK;
}
API Result cuDeviceGetCount(int* count) {
    if (!world().is_ready) return NOT_INITIALIZED;
    *count = 1;
    return OK;
}
API Result cuDeviceGet(int* device, int ordinal) {
    if (ordinal != 0) return INVALID_DEVICE;
    *device = 0;
    return OK;
}
API Result cuDeviceGetName(char* name, int length, int) {
    snprintf(name, length, "Device of tests");
    return OK;
}
API Result cuDeviceGetUuid(void* uuid, int) {
    memset(uuid, 7, 16);
    return OK;
}
API Result cuDeviceGetUuid_v2(void* uuid, int device) {
    return cuDeviceGetUuid(uuid, device);
}
API Result cuDeviceGetAttribute(int* value, int attribute, int) {
    switch (attribute) {
        case 14: *value = 512; break;  // alignment of textures
        case 41: *value = 1; break;    // one address space
        case 75: *value = 9; break;    // compute capability
        default: *value = 0;
    }
    return OK;
}
API Result cuDeviceCanAccessPeer(int* can, int, int) {
    *can = 0;
    return OK;
}
API Result cuGetErrorName(Result error, const char** name) {
    static const std::map<Result, const char*> names = {
        {OK, "CUDA_SUCCESS"},
        {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
        {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
        {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
        {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"},
        {NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
        {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED"},
        {NOT_READY, "CUDA_ERROR_NOT_READY"},
        {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED"},
    };
    auto found = names.find(error);
    *name = found == names.end() ? "CUDA_ERROR" : found->second;
    return OK;
}
API Result cuGetErrorString(Result error, const char** text) {
    return cuGetErrorName(error, text);
}

// --- contexts -----------------------------------------------------------------------------------------------

API Result cuCtxCreate_v2(Context** context, unsigned, int) {
    Lock lock(world().lock);
    *context = make_context(false);
    stack.push_back(*context);
    return OK;
}
API Result cuCtxDestroy_v2(Context* context) {
    Lock lock(world().lock);
    if (!world().contexts.erase(context)) return INVALID_CONTEXT;
    if (current() == context) stack.pop_back();
    for (Stream* stream : std::set<Stream*>(world().streams))
        if (stream->context == context) drain_all(stream);
    return OK;
}
API Result cuCtxPushCurrent_v2(Context* context) {
    Lock lock(world().lock);
    if (!world().contexts.count(context)) return INVALID_CONTEXT;
    stack.push_back(context);
    return OK;
}
API Result cuCtxPopCurrent_v2(Context** context) {
    if (stack.empty()) return INVALID_CONTEXT;
    if (context) *context = stack.back();
    stack.pop_back();
    return OK;
}
API Result cuCtxGetCurrent(Context** context) {
    *context = current();
    return OK;
}
API Result cuCtxSetCurrent(Context* context) {
    if (!stack.empty()) stack.pop_back();
    if (context) stack.push_back(context);
    return OK;
}
API Result cuCtxGetDevice(int* device) {
    *device = 0;
    return current() ? OK : INVALID_CONTEXT;
}
API Result cuCtxEnablePeerAccess(Context*, unsigned) { return NOT_SUPPORTED; }
API Result cuCtxDisablePeerAccess(Context*) { return NOT_SUPPORTED; }
API Result cuDevicePrimaryCtxRetain(Context** context, int) {
    Lock lock(world().lock);
    if (!world().primary) world().primary = make_context(true);
    world().retained++;
    *context = world().primary;
    return OK;
}
API Result cuDevicePrimaryCtxRelease_v2(int) {
    Lock lock(world().lock);
    if (world().retained == 0) return INVALID_CONTEXT;
    // NVIDIA's driver takes the context down with the last; here it stays, so that a later use is seen as one.
    world().retained--;
    return OK;
}

// --- memory -------------------------------------------------------------------------------------------------

API Result cuMemAlloc_v2(Ptr* out, size_t bytes) {
    Lock lock(world().lock);
    return allocate(out, bytes);
}
API Result cuMemAllocPitch_v2(Ptr* out, size_t* pitch, size_t width, size_t height, unsigned) {
    Lock lock(world().lock);
    *pitch = (width + 511) / 512 * 512;
    return allocate(out, *pitch * height);
}
API Result cuMemFree_v2(Ptr memory) {
    Lock lock(world().lock);
    if (memory == 0) return OK;
    auto found = world().memories.find(memory);
    if (found == world().memories.end()) return INVALID_VALUE;
    // It waits for everything, as NVIDIA's does.
    for (Stream* stream : std::set<Stream*>(world().streams)) drain_all(stream);
    memset((void*)memory, 0xDD, found->second.bytes);
    world().memories.erase(found);
    free((void*)memory);
    return OK;
}
API Result cuMemHostAlloc(void** out, size_t bytes, unsigned) {
    Lock lock(world().lock);
    if (!current()) return INVALID_CONTEXT;
    *out = malloc(bytes);
    memset(*out, 0xCD, bytes);
    world().pinned[(uintptr_t)*out] = bytes;
    return OK;
}
API Result cuMemAllocHost_v2(void** out, size_t bytes) {
    return cuMemHostAlloc(out, bytes, 0);
}
API Result cuMemFreeHost(void* memory) {
    Lock lock(world().lock);
    if (!world().pinned.erase((uintptr_t)memory)) return INVALID_VALUE;
    for (Stream* stream : std::set<Stream*>(world().streams)) drain_all(stream);
    free(memory);
    return OK;
}
// Where the computer can use a memory of the device: everywhere, here. NVIDIA's driver says no for memory like this.
API Result cuPointerGetAttribute(void* value, int attribute, Ptr memory) {
    Lock lock(world().lock);
    if (attribute != 4 || getenv("VESALIUS_TEST_BLIND") || check(memory, 1) != OK) return INVALID_VALUE;
    *(void**)value = (void*)memory;
    return OK;
}

API Result cuMemcpyHtoDAsync_v2(Ptr to, const void* from, size_t bytes, void* handle) {
    Lock lock(world().lock);
    Stream* stream;
    if (Result error = find(handle, &stream)) return error;
    if (Result error = check(to, bytes)) return error;
    world().bytes_up += bytes;
    if (is_pinned(from)) {
        hand_in(stream, [=] { memcpy((void*)to, from, bytes); });
    } else {
        // Memory that is not page-locked is read before the call returns.
        auto kept = std::make_shared<std::vector<char>>((const char*)from, (const char*)from + bytes);
        hand_in(stream, [=] { memcpy((void*)to, kept->data(), bytes); });
    }
    return OK;
}
API Result cuMemcpyDtoHAsync_v2(void* to, Ptr from, size_t bytes, void* handle) {
    Lock lock(world().lock);
    Stream* stream;
    if (Result error = find(handle, &stream)) return error;
    if (Result error = check(from, bytes)) return error;
    world().bytes_down += bytes;
    hand_in(stream, [=] { memcpy(to, (void*)from, bytes); });
    if (!is_pinned(to)) drain_all(stream);
    return OK;
}
API Result cuMemcpyDtoDAsync_v2(Ptr to, Ptr from, size_t bytes, void* handle) {
    Lock lock(world().lock);
    Stream* stream;
    if (Result error = find(handle, &stream)) return error;
    if (Result error = check(to, bytes)) return error;
    if (Result error = check(from, bytes)) return error;
    world().bytes_across += bytes;
    hand_in(stream, [=] { memcpy((void*)to, (void*)from, bytes); });
    return OK;
}
API Result cuMemsetD8Async(Ptr to, unsigned char value, size_t bytes, void* handle) {
    Lock lock(world().lock);
    Stream* stream;
    if (Result error = find(handle, &stream)) return error;
    if (Result error = check(to, bytes)) return error;
    hand_in(stream, [=] { memset((void*)to, value, bytes); });
    return OK;
}

// `CUDA_MEMCPY2D_v2`.
struct Copy2d {
    struct End {
        size_t x, y;
        int type;  // 1 host, 2 device, 4 by the address
        void* host;
        Ptr device;
        void* array;
        size_t pitch;
    } from, to;
    size_t width, height;
};

API Result cuMemcpy2DAsync_v2(const Copy2d* given, void* handle) {
    Lock lock(world().lock);
    const Copy2d copy = *given;
    Stream* stream;
    if (Result error = find(handle, &stream)) return error;
    if (copy.height == 0 || copy.width == 0) return OK;
    auto is_device = [](const Copy2d::End& end) { return end.type != 1; };
    auto start = [&](const Copy2d::End& end) {
        return (is_device(end) ? (char*)end.device : (char*)end.host) + end.y * end.pitch + end.x;
    };
    for (const Copy2d::End* end : {&copy.from, &copy.to}) {
        const size_t span = end->pitch * (copy.height - 1) + copy.width;
        if (is_device(*end))
            if (Result error = check((Ptr)start(*end), span)) return error;
    }
    const size_t bytes = copy.width * copy.height;
    if (!is_device(copy.from)) world().bytes_up += bytes;
    else if (!is_device(copy.to)) world().bytes_down += bytes;
    else world().bytes_across += bytes;
    const char* from = start(copy.from);
    char* to = start(copy.to);
    hand_in(stream, [=] {
        for (size_t y = 0; y < copy.height; y++)
            memcpy(to + y * copy.to.pitch, from + y * copy.from.pitch, copy.width);
    });
    const bool waits = (!is_device(copy.from) && !is_pinned(from)) || (!is_device(copy.to) && !is_pinned(to));
    if (waits) drain_all(stream);
    return OK;
}
API Result cuMemcpy2D_v2(const Copy2d* copy) {
    Lock lock(world().lock);
    if (Result error = cuMemcpy2DAsync_v2(copy, nullptr)) return error;
    drain_all(current()->legacy);
    return OK;
}

// --- order --------------------------------------------------------------------------------------------------

API Result cuStreamCreate(Stream** out, unsigned flags) {
    Lock lock(world().lock);
    if (!current()) return INVALID_CONTEXT;
    *out = new Stream{current(), (flags & 1) == 0, {}, 0, 0};
    world().streams.insert(*out);
    return OK;
}
API Result cuStreamDestroy_v2(Stream* stream) {
    Lock lock(world().lock);
    if (!world().streams.count(stream)) return INVALID_HANDLE;
    drain_all(stream);
    world().streams.erase(stream);
    for (Event* event : world().events)
        if (event->stream == stream) event->stream = nullptr;
    delete stream;
    return OK;
}
API Result cuStreamDestroy(Stream* stream) { return cuStreamDestroy_v2(stream); }
API Result cuStreamSynchronize(void* handle) {
    Lock lock(world().lock);
    Stream* stream;
    if (Result error = find(handle, &stream)) return error;
    if (stream == stream->context->legacy)
        for (Stream* other : std::set<Stream*>(world().streams))
            if (other->is_blocking && other->context == stream->context) drain_all(other);
    drain_all(stream);
    return OK;
}
API Result cuStreamQuery(void* handle) {
    Lock lock(world().lock);
    Stream* stream;
    if (Result error = find(handle, &stream)) return error;
    return stream->done == stream->queued ? OK : NOT_READY;
}
API Result cuCtxSynchronize() {
    Lock lock(world().lock);
    if (!current()) return INVALID_CONTEXT;
    for (Stream* stream : std::set<Stream*>(world().streams))
        if (stream->context == current()) drain_all(stream);
    return OK;
}
API Result cuEventCreate(Event** out, unsigned) {
    Lock lock(world().lock);
    if (!current()) return INVALID_CONTEXT;
    *out = new Event{current()};
    world().events.insert(*out);
    return OK;
}
API Result cuEventDestroy_v2(Event* event) {
    Lock lock(world().lock);
    if (!world().events.erase(event)) return INVALID_HANDLE;
    delete event;
    return OK;
}
API Result cuEventRecord(Event* event, void* handle) {
    Lock lock(world().lock);
    Stream* stream;
    if (!world().events.count(event)) return INVALID_HANDLE;
    if (Result error = find(handle, &stream)) return error;
    event->stream = stream;
    event->position = stream->queued;
    event->was_asked = false;
    return OK;
}
API Result cuStreamWaitEvent(void* handle, Event* event, unsigned) {
    Lock lock(world().lock);
    Stream* stream;
    if (!world().events.count(event)) return INVALID_HANDLE;
    if (Result error = find(handle, &stream)) return error;
    if (event->stream && event->stream != stream) push(stream, {nullptr, event->stream, event->position});
    return OK;
}
API Result cuEventQuery(Event* event) {
    Lock lock(world().lock);
    if (!world().events.count(event)) return INVALID_HANDLE;
    if (!event->stream || event->stream->done >= event->position) return OK;
    // The first answer is no; who asks again finds it done.
    if (event->was_asked) {
        drain(event->stream, event->position);
        return OK;
    }
    event->was_asked = true;
    return NOT_READY;
}
API Result cuEventSynchronize(Event* event) {
    Lock lock(world().lock);
    if (!world().events.count(event)) return INVALID_HANDLE;
    if (event->stream) drain(event->stream, event->position);
    return OK;
}
API Result cuEventElapsedTime(float* ms, Event*, Event*) {
    *ms = 0;
    return OK;
}
API Result cuEventElapsedTime_v2(float* ms, Event* from, Event* to) { return cuEventElapsedTime(ms, from, to); }

// --- kernels ------------------------------------------------------------------------------------------------

API Result cuModuleLoadData(Module** out, const void* image) {
    Lock lock(world().lock);
    if (!current()) return INVALID_CONTEXT;
    if (memcmp(image, "\x7f" "ELF", 4)) return INVALID_IMAGE;
    *out = new Module{current()};
    world().modules.insert(*out);
    return OK;
}
API Result cuModuleUnload(Module* module) {
    Lock lock(world().lock);
    if (!world().modules.erase(module)) return INVALID_HANDLE;
    for (Stream* stream : std::set<Stream*>(world().streams)) drain_all(stream);
    return OK;
}
API Result cuModuleGetFunction(Function** out, Module* module, const char* name) {
    Lock lock(world().lock);
    if (!world().modules.count(module)) return INVALID_HANDLE;
    for (void* library : world().kernels) {
        void* launch = dlsym(library, (std::string(name) + "__launch").c_str());
        void* size = dlsym(library, (std::string(name) + "__size").c_str());
        if (!launch || !size) continue;
        *out = new Function{module, name, ((size_t(*)())size)(),
                            (void (*)(const void*, const unsigned*, const unsigned*))launch};
        world().functions.insert(*out);
        return OK;
    }
    return NOT_FOUND;
}
API Result cuLaunchKernel(Function* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                          unsigned, void* handle, void** parameters, void**) {
    Lock lock(world().lock);
    Stream* stream;
    if (!world().functions.count(function)) return INVALID_HANDLE;
    if (Result error = find(handle, &stream)) return error;
    if (function->module->context != stream->context) return INVALID_CONTEXT;
    if (!world().modules.count(function->module)) fatal("a kernel of a module that was unloaded was launched");
    auto arguments = std::make_shared<std::vector<char>>((char*)parameters[0], (char*)parameters[0] + function->bytes);
    world().launches++;
    // NAME:COUNT. Of all kernels together the order is another each time, for frames are drawn on while others are looked at.
    const uint64_t count = ++world().launched[function->name];
    const char* lose = getenv("VESALIUS_TEST_LOSE_AT");
    if (lose && function->name + ":" + std::to_string(count) == lose) return LAUNCH_FAILED;
    hand_in(stream, [=] {
        const unsigned grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
        function->launch(arguments->data(), grid, block);
    });
    return OK;
}

// --- what GStreamer's library and NVRTC look for and do not need here ------------------------------------------

#define UNSUPPORTED(name) \
    API Result name() { return NOT_SUPPORTED; }
UNSUPPORTED(cuGLGetDevices_v2)
UNSUPPORTED(cuGraphicsGLRegisterBuffer)
UNSUPPORTED(cuGraphicsGLRegisterImage)
UNSUPPORTED(cuGraphicsMapResources)
UNSUPPORTED(cuGraphicsResourceGetMappedPointer_v2)
UNSUPPORTED(cuGraphicsResourceSetMapFlags_v2)
UNSUPPORTED(cuGraphicsSubResourceGetMappedArray)
UNSUPPORTED(cuGraphicsUnmapResources)
UNSUPPORTED(cuGraphicsUnregisterResource)
UNSUPPORTED(cuTexObjectCreate)
UNSUPPORTED(cuTexObjectDestroy)
UNSUPPORTED(cuGetExportTable)
