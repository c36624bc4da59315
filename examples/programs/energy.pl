#!/usr/bin/env perl
# An aligner in Perl: notes that hold more of the piece's energy before them come later.
#
#   align-bench check --aligner 'cmd: perl energy.pl {score_csv} {audio} {output}' --parameter format=instants
#
# The score's time is the share of its notes' sounding time that has passed, the recording's that of its
# amplitude; equal shares are brought together. Writes the time of each distinct onset, one a line.
use strict;
use warnings;

my ($score, $audio, $output) = @ARGV;

open my $notes, '<', $score or die "$score: $!\n";
<$notes>;
my (@starts, @ends);
while (<$notes>) {
    my ($start, $end) = split /,/;
    push @starts, $start;
    push @ends, $end;
}

open my $wav, '<:raw', $audio or die "$audio: $!\n";
read($wav, my $riff, 12);
my ($rate, $data);
while (read($wav, my $head, 8) == 8) {
    my ($id, $size) = unpack 'a4V', $head;
    read($wav, my $body, $size);
    $rate = unpack 'x4V', $body if $id eq 'fmt ';
    $data = $body if $id eq 'data';
}
die "$audio: no WAV file\n" unless $rate && defined $data;

# Amplitude in steps of 10 ms, silence below 1 % of the loudest, summed up to each step.
my $hop = int($rate / 100);
my ($loudest, @amplitude) = (0);
for my $chunk (unpack "(a" . 2 * $hop . ")*", $data) {
    my $sum = 0;
    $sum += abs for unpack 's<*', $chunk;
    push @amplitude, $sum;
    $loudest = $sum if $sum > $loudest;
}
my @passed = (0);
push @passed, $passed[-1] + ($_ < $loudest / 100 ? 0 : $_) for @amplitude;

open my $out, '>', $output or die "$output: $!\n";
my ($step, $last) = (0, -1);
my $total = 0;
$total += $ends[$_] - $starts[$_] for 0 .. $#starts;
for my $onset (@starts) {
    next if $onset - $last <= 1e-6;
    $last = $onset;
    my $share = 0;
    for (0 .. $#starts) {
        last if $starts[$_] >= $onset;
        $share += ($ends[$_] < $onset ? $ends[$_] : $onset) - $starts[$_];
    }
    $step++ while $step < $#passed && $passed[$step + 1] <= $share / $total * $passed[-1];
    printf $out "%.6f\n", $step * $hop / $rate;
}
close $out or die "$output: $!\n";
