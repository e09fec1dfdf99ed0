# SPDX-License-Identifier: MIT
# What of the CPU back-end is compiled once per instruction set beside the kernels: the element-wise loops. Include this after
# kernels/sources.cmake, whose list of sets and flags it uses; it takes the file out of KT_CPU_SOURCES.

set(KERATIN_LOOPS ${CMAKE_CURRENT_LIST_DIR}/elementwise.c)
list(REMOVE_ITEM KT_CPU_SOURCES ${KERATIN_LOOPS})
set_source_files_properties(${KERATIN_LOOPS} PROPERTIES COMPILE_OPTIONS -ffp-contract=off)
foreach(isa ${KERATIN_ISAS})
    add_library(keratin_loops_${isa} OBJECT ${KERATIN_LOOPS})
    target_compile_options(keratin_loops_${isa} PRIVATE ${KERATIN_KERNEL_FLAGS} ${KERATIN_ISA_${isa}} -DKT_ISA=${isa})
    target_include_directories(keratin_loops_${isa} PRIVATE ${KERATIN_KERNEL_INCLUDES})
    set_target_properties(keratin_loops_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON C_STANDARD 17
        C_VISIBILITY_PRESET hidden)
    list(APPEND KERATIN_KERNEL_OBJECTS $<TARGET_OBJECTS:keratin_loops_${isa}>)
endforeach()
