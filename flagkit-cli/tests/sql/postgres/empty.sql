-- expect nothing

