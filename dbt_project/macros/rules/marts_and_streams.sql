{#
    Every table and view of the marts with the relations beneath it that have a position: [{mart, stream, relations}, …]. Taken from the
    graph, so that no mart can be forgotten.
#}
{% macro marts_and_streams() %}
    {% set found = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() | sort(attribute='name') if node.resource_type == 'model' and node.fqn[1] == 'marts' %}
            {% set own = node.schema ~ '.' ~ node.alias %}
            {% for stream, relations in upstream_positions(node).items() %}
                {% do found.append({
                    'mart': node.alias,
                    'stream': stream,
                    'relations': [own] if is_by_load(node) else relations | unique | sort | list,
                }) %}
            {% endfor %}
        {% endfor %}
    {% endif %}
    {% do return(found) %}
{% endmacro %}
