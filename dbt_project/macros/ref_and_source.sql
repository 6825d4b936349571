{#
    `dbt run --empty` wraps each input in `where false limit 0`, also inside the definition of a view, which then shows
    nothing until the next run; `--sample` the same. Here both read nothing because the models' progress says so (see progress.sql).
    Models of dbt's own `table` and `incremental` get what dbt says, but not while `landfall up` makes what is missing: a table that is
    there keeps its rows.
#}
{% macro ref() %}
    {% do return(without_limit(builtins.ref(*varargs, **kwargs))) %}
{% endmacro %}

{% macro source() %}
    {% do return(without_limit(builtins.source(*varargs))) %}
{% endmacro %}

{% macro without_limit(relation) %}
    {% if relation.limit is none and relation.event_time_filter is none %} {% do return(relation) %} {% endif %}
    {% if model.config.materialized in ('table', 'incremental') and env_var('LANDFALL_STARTED_BY', 'dbt') != 'up' %} {% do return(relation) %} {% endif %}
    {% do return(relation.replace(limit=none, event_time_filter=none)) %}
{% endmacro %}
