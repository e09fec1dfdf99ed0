# SPDX-License-Identifier: MIT
# The CPU kernels: the same sources compiled once per instruction set. Include this after project()
# and add ${KERATIN_KERNEL_OBJECTS} to the library's sources; KERATIN_KERNEL_INCLUDES names the
# include folders (include/, src/). With KT_PORTABLE_ONLY, or on other processors than x86-64, only
# the portable set is built.

set(KERATIN_KERNEL_DIR ${CMAKE_CURRENT_LIST_DIR})
set(KERATIN_KERNEL_SOURCES gemm.c gemm_f64.c reduce.c reduce_f64.c softmax.c optimizer.c
    optimizer_f64.c random.c move.c table.c)
list(TRANSFORM KERATIN_KERNEL_SOURCES PREPEND ${KERATIN_KERNEL_DIR}/)

# Never -ffast-math: it changes results, and linking with it changes the host's floating-point mode.
set(KERATIN_KERNEL_FLAGS -O3 -fno-math-errno -fno-trapping-math)
set(KERATIN_CONTRACTED ${KERATIN_KERNEL_DIR}/gemm.c ${KERATIN_KERNEL_DIR}/gemm_f64.c)
set(KERATIN_UNCONTRACTED ${KERATIN_KERNEL_SOURCES})
list(REMOVE_ITEM KERATIN_UNCONTRACTED ${KERATIN_CONTRACTED})
set_source_files_properties(${KERATIN_CONTRACTED} PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)
set_source_files_properties(${KERATIN_UNCONTRACTED} PROPERTIES COMPILE_OPTIONS -ffp-contract=off)

set(KERATIN_ISAS portable)
if(KT_PORTABLE_ONLY)
    add_compile_definitions(KT_PORTABLE_ONLY)
endif()
set(KERATIN_ISA_portable -DKT_VECTOR_BYTES=16)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64" AND CMAKE_SIZEOF_VOID_P EQUAL 8
   AND NOT KT_PORTABLE_ONLY)
    list(APPEND KERATIN_ISAS avx2 avx512)
    set(KERATIN_ISA_avx2 -DKT_VECTOR_BYTES=32 -mavx2 -mfma)
    set(KERATIN_ISA_avx512 -DKT_VECTOR_BYTES=64 -mavx2 -mfma -mavx512f -mavx512dq -mavx512bw
        -mavx512vl -mprefer-vector-width=512)
endif()

set(KERATIN_KERNEL_OBJECTS ${KERATIN_KERNEL_DIR}/choose.c)
foreach(isa ${KERATIN_ISAS})
    add_library(keratin_kernels_${isa} OBJECT ${KERATIN_KERNEL_SOURCES})
    target_compile_options(keratin_kernels_${isa} PRIVATE ${KERATIN_KERNEL_FLAGS}
        ${KERATIN_ISA_${isa}} -DKT_ISA=${isa})
    target_include_directories(keratin_kernels_${isa} PRIVATE ${KERATIN_KERNEL_INCLUDES})
    set_target_properties(keratin_kernels_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON C_STANDARD 17
        C_VISIBILITY_PRESET hidden)
    if(TARGET kt_settings)
        target_link_libraries(keratin_kernels_${isa} PRIVATE kt_settings)
    endif()
    list(APPEND KERATIN_KERNEL_OBJECTS $<TARGET_OBJECTS:keratin_kernels_${isa}>)
endforeach()
