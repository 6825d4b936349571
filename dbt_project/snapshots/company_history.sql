{% snapshot company_history %}
{{ reference_history(source('reference', 'company')) }}
{% endsnapshot %}
