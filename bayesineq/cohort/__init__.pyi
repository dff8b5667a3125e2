from .segments import Segments as Segments, by_stratum as by_stratum, segments as segments
