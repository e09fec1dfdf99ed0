// SPDX-License-Identifier: MIT
// examples/summary_from_cpp.cpp: TensorBoard logs from a C++ program that trains nothing.
//
// The pendulum of summary_only.c, in C++: the same calls. The log closes itself, and containers hand over their data.
//
//     c++ -std=c++17 summary_from_cpp.cpp -lkeratin-summary -o summary_from_cpp && ./summary_from_cpp logs/pendulum
//     tensorboard --logdir logs
#include <keratin/summary.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <vector>

int main(int argc, char **argv)
{
    std::unique_ptr<kt_events, kt_status (*)(kt_events *)> log(kt_events_open(argc > 1 ? argv[1] : "logs/pendulum"),
                                                               kt_events_close);
    if (!log) return std::fprintf(stderr, "summary_from_cpp: cannot write a log there\n"), 1;

    std::vector<float> speeds;
    double angle = 3, speed = 0, time_step = 0.001;
    for (int step = 0; step < 20000; step++) {
        speed -= time_step * (9.81 * std::sin(angle) + 0.1 * speed);
        angle += time_step * speed;
        speeds.push_back(static_cast<float>(speed));
        if (step % 100 == 0) kt_events_scalar(log.get(), "pendulum/angle", angle, step);
        if (step % 1000 == 999) {
            kt_events_histogram(log.get(), "pendulum/speed", speeds.data(), static_cast<int64_t>(speeds.size()), step);
            speeds.clear();
        }
    }

    kt_events_flush(log.get()); // so that the sentence, if there is one, is whole
    if (kt_events_status(log.get()) != KT_OK) std::fprintf(stderr, "summary_from_cpp: %s\n", kt_events_message(log.get()));
    std::printf("written: %s\n", kt_events_path(log.get()));
    return kt_events_close(log.release()) == KT_OK ? 0 : 1;
}
