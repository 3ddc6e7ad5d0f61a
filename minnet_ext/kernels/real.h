/* The kernels are written once, in the words below, and included twice: with REAL_BITS 32 and 64.
 *
 *     real, LANES          float or double, and how many a vector holds
 *     vreal, vint, vuint   vectors of numbers, and of integers as wide
 *     NAME(f)              f_f32 or f_f64
 */
#undef real
#undef vreal
#undef vint
#undef vuint
#undef sint
#undef LANES
#undef NAME

#if REAL_BITS == 32
#define real float
#define vreal vf32
#define vint vi32
#define vuint vu32
#define sint int32_t
#define LANES LANES_F32
#define NAME(f) f##_f32
#else
#define real double
#define vreal vf64
#define vint vi64
#define vuint vu64
#define sint int64_t
#define LANES LANES_F64
#define NAME(f) f##_f64
#endif
