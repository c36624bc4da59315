/* An aligner in C: the score is stretched over the part of the recording that sounds.
 *
 *   cc -O2 -o energy energy.c -lm
 *   align-bench check --aligner 'cmd: ./energy {score_csv} {audio} {output}'
 *
 * Reads the notes as "start_s,end_s,pitch,velocity" and the recording as 16-bit mono WAV; writes two rows
 * "score_time_s,performance_time_s". */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *file) {
    fprintf(stderr, "energy: %s: %s\n", what, file);
    exit(1);
}

/* First start and last end of the notes, in seconds. */
static void read_score(const char *file, double *first, double *last) {
    FILE *f = fopen(file, "r");
    char line[256];
    double start, end;
    if (!f || !fgets(line, sizeof line, f)) fail("no score", file);
    *first = HUGE_VAL, *last = 0;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lf,%lf", &start, &end) != 2) fail("no note", line);
        *first = fmin(*first, start), *last = fmax(*last, end);
    }
    fclose(f);
}

/* Where the recording first and last comes within 40 dB of its loudest 20 ms, in seconds. */
static void read_audio(const char *file, double *first, double *last) {
    FILE *f = fopen(file, "rb");
    char id[4];
    uint32_t size, rate = 0;
    if (!f || fseek(f, 12, SEEK_SET)) fail("no recording", file);
    while (fread(id, 1, 4, f) == 4 && fread(&size, 4, 1, f) == 1 && memcmp(id, "data", 4)) {
        if (!memcmp(id, "fmt ", 4)) {
            if (fseek(f, 4, SEEK_CUR) || fread(&rate, 4, 1, f) != 1) break;
            size -= 8;
        }
        fseek(f, size, SEEK_CUR);
    }
    if (!rate || memcmp(id, "data", 4)) fail("no WAV file", file);
    size_t hop = rate / 50, n_frames = 0, n, capacity = 1024;
    int16_t *samples = malloc(hop * sizeof *samples);
    double *energy = malloc(capacity * sizeof *energy), loudest = 0;
    while (samples && energy && (n = fread(samples, sizeof *samples, hop, f))) {
        if (n_frames == capacity) energy = realloc(energy, (capacity *= 2) * sizeof *energy);
        energy[n_frames] = 0;
        for (size_t i = 0; i < n; i++) energy[n_frames] += (double)samples[i] * samples[i];
        loudest = fmax(loudest, energy[n_frames++]);
    }
    fclose(f);
    size_t begin = 0, end = n_frames;
    while (begin < end && energy[begin] < loudest * 1e-4) begin++;
    while (end > begin && energy[end - 1] < loudest * 1e-4) end--;
    *first = (double)(begin * hop) / rate, *last = (double)(end * hop) / rate;
    free(samples), free(energy);
}

int main(int argc, char **argv) {
    double score[2], audio[2];
    if (argc != 4) fail("arguments are SCORE AUDIO OUTPUT", argv[0]);
    read_score(argv[1], &score[0], &score[1]);
    read_audio(argv[2], &audio[0], &audio[1]);
    FILE *f = fopen(argv[3], "w");
    if (!f) fail("no output", argv[3]);
    fprintf(f, "score_time_s,performance_time_s\n");
    for (int i = 0; i < 2; i++) fprintf(f, "%.6f,%.6f\n", score[i], audio[i]);
    return fclose(f) ? 1 : 0;
}
