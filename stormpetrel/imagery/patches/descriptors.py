"""The descriptors' names and sizes, for those who compare vectors and do not make them: nothing heavy is imported."""

SAR_DESCRIPTOR = "awld-8x18-w7@1"
ORIENTATIONS, EXCITATIONS = 8, 18
SAR_DIMENSIONS = ORIENTATIONS * EXCITATIONS
MS_DESCRIPTOR = "ms-4x32-sqrt@1"
BANDS = ("B02", "B03", "B04", "B08")
BINS = 32
MS_DIMENSIONS = len(BANDS) * BINS
FUSED_DESCRIPTOR = f"{SAR_DESCRIPTOR}+{MS_DESCRIPTOR}"
FUSED_DIMENSIONS = SAR_DIMENSIONS + MS_DIMENSIONS
