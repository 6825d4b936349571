{#
    `dbt run --empty` wraps each input in `where false limit 0`, also inside the definition of a view, which then shows
    nothing until the next run. Here `--empty` reads nothing because the models' progress says so (see progress.sql).
#}
{% macro ref() %}
    {% do return(without_limit(builtins.ref(*varargs, **kwargs))) %}
{% endmacro %}

{% macro source() %}
    {% do return(without_limit(builtins.source(*varargs))) %}
{% endmacro %}

{% macro without_limit(relation) %}
    {% do return(relation if relation.limit is none else relation.replace(limit=none)) %}
{% endmacro %}
