{#
    Snapshots ask here whether their table is there. dbt's own answer is that of its cache, which another run may have overtaken: two first
    builds would both make the table, and two later ones each add the same versions. The lock is held until the snapshot's commit.
#}
{% macro postgres__get_or_create_relation(database, schema, identifier, type) %}
    {% set relation = api.Relation.create(database=database, schema=schema, identifier=identifier, type=type) %}
    {% call statement('one_at_a_time', auto_begin=true) %}
        select pg_advisory_xact_lock(hashtextextended('landfall.snapshot/{{ progress_key(relation) }}', 0))
    {% endcall %}
    {% do return([relation_in_database(relation) is not none, relation]) %}
{% endmacro %}
