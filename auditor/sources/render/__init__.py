"""Rendering: Helm charts, kustomizations, and what Argo CD and Flux say about those of the same repository.

`auditor.sources.inputs.find_inputs(paths, exclude, stdin, options, base=…)` finds the files of some paths and renders
what has to be rendered; it imports this package only where there is a chart or a kustomization. Both sides of a diff
are read with it: write the tree of a side to a folder and give that folder as `base`, which names are relative to.

`render.all.render_all(walked, options)` decides what is rendered, runs `render.one.render_root(root, options)` for each
`RenderRoot` in processes of their own, and returns the files. A rendering is a tuple of `InputFile`, one for each
template, whose `content` is what the tool printed and whose `rendered` says where its objects are told to stand
(`auditor.sources.rendered`): both are plain values that cross to the workers that read and judge them.

Charts and kustomizations are untrusted. The tools get no network, no plugins, no functions, no cluster, an empty home,
a time limit, a bound of memory and of output; links that leave the repository and references to other machines are
refused before a tool starts.
"""
