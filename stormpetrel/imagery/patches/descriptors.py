"""The descriptors' versions and sizes, without heavy imports: modules that only compare vectors need no more."""

SAR_DESCRIPTOR = "awld-8x18-w7@1"
ORIENTATIONS, EXCITATIONS = 8, 18
SAR_DIMENSIONS = ORIENTATIONS * EXCITATIONS
MS_DESCRIPTOR = "ms-4x32-sqrt@1"
BANDS = ("B02", "B03", "B04", "B08")
BINS = 32
QUANTIFICATION = 10_000  # digital numbers for a reflectance of 1
MS_DIMENSIONS = len(BANDS) * BINS
FUSED_DESCRIPTOR = f"{SAR_DESCRIPTOR}+{MS_DESCRIPTOR}"
FUSED_DIMENSIONS = SAR_DIMENSIONS + MS_DIMENSIONS
