;; Rows of the product of docs/formats/proof-work.md, with the 128-bit vectors of WebAssembly. Entries are held between
;; -32760 and 32760, so that one i32x4.dot_i16x8_s multiplies eight pairs. Of each entry of the left matrix the high and the
;; low byte are multiplied apart: a sum of 512 such products stays below 2^31 (2 * 128 * 32760 * 256 = 2146959360), and only
;; then is it reduced. 2^16 is 15 modulo 65521, so reducing is a shift, a multiplication by 15 and an addition.
;; generate-kernel-module.ts holds this as bytes; scripts/work-kernel.mjs writes it, and a test compares both.
(module
  ;; 0        right matrix as it comes from the stream: 1024 x 256 words of 16 bits
  ;; 524288   right matrix packed: 32 panels of 8 columns, 512 pairs of rows, 32 bytes each
  ;; 1048576  rows of the left matrix as they come from the stream: at most 32, of 2048 bytes
  ;; 1114112  the same split: 4096 bytes each, two high and two low bytes of two entries in turn
  ;; 1245184  rows of the product: 512 bytes each
  (memory (export "memory") 20)

  ;; Words of a stream to entries between -32760 and 32760: those above 32760 lose 65521, which is adding 15 to 16 bits.
  (func $balance (param $words v128) (result v128)
    (i16x8.add
      (local.get $words)
      (v128.and
        (i16x8.gt_u (local.get $words) (i16x8.splat (i32.const 32760)))
        (i16x8.splat (i32.const 15)))))

  ;; A number that is the same modulo 65521 and at most 557055 in size.
  (func $fold (param $x v128) (result v128)
    (i32x4.add
      (i32x4.mul (i32x4.shr_s (local.get $x) (i32.const 16)) (i32x4.splat (i32.const 15)))
      (v128.and (local.get $x) (i32x4.splat (i32.const 65535)))))

  ;; Sums of products with the high and with the low bytes to one number of at most 2^28.
  (func $join (param $high v128) (param $low v128) (result v128)
    (i32x4.add
      (i32x4.shl (call $fold (local.get $high)) (i32.const 8))
      (call $fold (local.get $low))))

  ;; 0 to 65520, from anything between -2^31 and 2^31: folded twice it is between -15 and 65550.
  (func $reduce (param $x v128) (result v128)
    (local.set $x (call $fold (call $fold (local.get $x))))
    (local.set $x
      (i32x4.add
        (local.get $x)
        (v128.and (i32x4.shr_s (local.get $x) (i32.const 31)) (i32x4.splat (i32.const 65521)))))
    (i32x4.sub
      (local.get $x)
      (v128.and
        (i32x4.ge_s (local.get $x) (i32x4.splat (i32.const 65521)))
        (i32x4.splat (i32.const 65521)))))

  ;; Packs the right matrix: two rows of one column lie side by side.
  (func (export "packRight")
    (local $panel i32) (local $pair i32) (local $from i32) (local $to i32) (local $upper v128) (local $lower v128)
    (local.set $to (i32.const 524288))
    (loop $panels
      (local.set $pair (i32.const 0))
      (local.set $from (i32.shl (local.get $panel) (i32.const 4)))
      (loop $pairs
        (local.set $upper (call $balance (v128.load (local.get $from))))
        (local.set $lower (call $balance (v128.load offset=512 (local.get $from))))
        (v128.store
          (local.get $to)
          (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $upper) (local.get $lower)))
        (v128.store offset=16
          (local.get $to)
          (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $upper) (local.get $lower)))
        (local.set $from (i32.add (local.get $from) (i32.const 1024)))
        (local.set $to (i32.add (local.get $to) (i32.const 32)))
        (br_if $pairs (i32.lt_u (local.tee $pair (i32.add (local.get $pair) (i32.const 1))) (i32.const 512))))
      (br_if $panels (i32.lt_u (local.tee $panel (i32.add (local.get $panel) (i32.const 1))) (i32.const 32)))))

  ;; Splits rows of the left matrix: entry = 256 * high + low, high between -128 and 128, low between -128 and 127.
  (func $splitLeft (param $rows i32)
    (local $from i32) (local $to i32) (local $end i32) (local $entries v128) (local $high v128) (local $low v128)
    (local.set $from (i32.const 1048576))
    (local.set $to (i32.const 1114112))
    (local.set $end (i32.add (local.get $from) (i32.shl (local.get $rows) (i32.const 11))))
    (loop $next
      (local.set $entries (call $balance (v128.load (local.get $from))))
      (local.set $high
        (i16x8.add
          (i16x8.shr_s (local.get $entries) (i32.const 8))
          (v128.and (i16x8.shr_u (local.get $entries) (i32.const 7)) (i16x8.splat (i32.const 1)))))
      (local.set $low (i16x8.sub (local.get $entries) (i16x8.shl (local.get $high) (i32.const 8))))
      (v128.store
        (local.get $to)
        (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $high) (local.get $low)))
      (v128.store offset=16
        (local.get $to)
        (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $high) (local.get $low)))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (local.set $to (i32.add (local.get $to) (i32.const 32)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $end)))))

  ;; Multiplies the rows that lie at 1048576. $rows: 2 to 32, even. Blocks of two rows and eight columns, so that all
  ;; eight sums stay in registers and a panel of 16 KiB in the first cache.
  (func (export "multiply") (param $rows i32)
    (local $panel i32) (local $row i32) (local $half i32) (local $right i32) (local $end i32) (local $to i32)
    (local $a i32) (local $b i32) (local $x v128) (local $r0 v128) (local $r1 v128)
    (local $ah0 v128) (local $ah1 v128) (local $al0 v128) (local $al1 v128) (local $a0 v128) (local $a1 v128)
    (local $bh0 v128) (local $bh1 v128) (local $bl0 v128) (local $bl1 v128) (local $b0 v128) (local $b1 v128)
    (call $splitLeft (local.get $rows))
    (loop $panels
      (local.set $row (i32.const 0))
      (loop $blocks
        (local.set $a (i32.add (i32.const 1114112) (i32.shl (local.get $row) (i32.const 12))))
        (local.set $b (i32.add (local.get $a) (i32.const 4096)))
        (local.set $right (i32.add (i32.const 524288) (i32.shl (local.get $panel) (i32.const 14))))
        (local.set $a0 (v128.const i32x4 0 0 0 0))
        (local.set $a1 (v128.const i32x4 0 0 0 0))
        (local.set $b0 (v128.const i32x4 0 0 0 0))
        (local.set $b1 (v128.const i32x4 0 0 0 0))
        (local.set $half (i32.const 2))
        (loop $halves
          (local.set $ah0 (v128.const i32x4 0 0 0 0))
          (local.set $ah1 (v128.const i32x4 0 0 0 0))
          (local.set $al0 (v128.const i32x4 0 0 0 0))
          (local.set $al1 (v128.const i32x4 0 0 0 0))
          (local.set $bh0 (v128.const i32x4 0 0 0 0))
          (local.set $bh1 (v128.const i32x4 0 0 0 0))
          (local.set $bl0 (v128.const i32x4 0 0 0 0))
          (local.set $bl1 (v128.const i32x4 0 0 0 0))
          (local.set $end (i32.add (local.get $right) (i32.const 8192)))
          (loop $pairs
            (local.set $r0 (v128.load (local.get $right)))
            (local.set $r1 (v128.load offset=16 (local.get $right)))
            (local.set $x (v128.load32_splat (local.get $a)))
            (local.set $ah0 (i32x4.add (local.get $ah0) (i32x4.dot_i16x8_s (local.get $x) (local.get $r0))))
            (local.set $ah1 (i32x4.add (local.get $ah1) (i32x4.dot_i16x8_s (local.get $x) (local.get $r1))))
            (local.set $x (v128.load32_splat offset=4 (local.get $a)))
            (local.set $al0 (i32x4.add (local.get $al0) (i32x4.dot_i16x8_s (local.get $x) (local.get $r0))))
            (local.set $al1 (i32x4.add (local.get $al1) (i32x4.dot_i16x8_s (local.get $x) (local.get $r1))))
            (local.set $x (v128.load32_splat (local.get $b)))
            (local.set $bh0 (i32x4.add (local.get $bh0) (i32x4.dot_i16x8_s (local.get $x) (local.get $r0))))
            (local.set $bh1 (i32x4.add (local.get $bh1) (i32x4.dot_i16x8_s (local.get $x) (local.get $r1))))
            (local.set $x (v128.load32_splat offset=4 (local.get $b)))
            (local.set $bl0 (i32x4.add (local.get $bl0) (i32x4.dot_i16x8_s (local.get $x) (local.get $r0))))
            (local.set $bl1 (i32x4.add (local.get $bl1) (i32x4.dot_i16x8_s (local.get $x) (local.get $r1))))
            (local.set $a (i32.add (local.get $a) (i32.const 8)))
            (local.set $b (i32.add (local.get $b) (i32.const 8)))
            (br_if $pairs
              (i32.lt_u (local.tee $right (i32.add (local.get $right) (i32.const 32))) (local.get $end))))
          (local.set $a0 (i32x4.add (local.get $a0) (call $join (local.get $ah0) (local.get $al0))))
          (local.set $a1 (i32x4.add (local.get $a1) (call $join (local.get $ah1) (local.get $al1))))
          (local.set $b0 (i32x4.add (local.get $b0) (call $join (local.get $bh0) (local.get $bl0))))
          (local.set $b1 (i32x4.add (local.get $b1) (call $join (local.get $bh1) (local.get $bl1))))
          (br_if $halves (local.tee $half (i32.sub (local.get $half) (i32.const 1)))))
        (local.set $to
          (i32.add
            (i32.const 1245184)
            (i32.add (i32.shl (local.get $row) (i32.const 9)) (i32.shl (local.get $panel) (i32.const 4)))))
        (v128.store
          (local.get $to)
          (i16x8.narrow_i32x4_u (call $reduce (local.get $a0)) (call $reduce (local.get $a1))))
        (v128.store offset=512
          (local.get $to)
          (i16x8.narrow_i32x4_u (call $reduce (local.get $b0)) (call $reduce (local.get $b1))))
        (br_if $blocks
          (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 2))) (local.get $rows))))
      (br_if $panels (i32.lt_u (local.tee $panel (i32.add (local.get $panel) (i32.const 1))) (i32.const 32))))))
