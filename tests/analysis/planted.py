# Imports what it does not use, which tests/analysis/known expects.
import os
