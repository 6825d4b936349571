{#
    Host of a URL in lower case, without user and port; null where there is none (`file:///C:/page.html`).
#}
{% macro url_host(url) -%}
    nullif(lower(substring({{ url }} from '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]*)')), '')
{%- endmacro %}

{# Whether a page is one of no production shop, by pattern: those of staging and test hosts, and pages saved to a file. #}
{% macro is_not_production(url, host) -%}
    coalesce(
        {{ url }} ~* '^file:'
        or {{ host }} ~ '\.local$'
        or {{ host }} ~ '^(www\.)?(stage|test|dev)[0-9]*[.-](www\.)?({{ var("shop_brands") | join("|") }})\.[a-z]+(\.[a-z]{2})?$',
        false
    )
{%- endmacro %}
